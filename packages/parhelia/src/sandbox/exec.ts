import { randomUUID } from "node:crypto";
import { EXEC_PROGRAM, TERMINAL_PROGRAM } from "../../container/protocol/paths.ts";
import { UserError } from "../errors.ts";
import type { ContainerProcess, Sandbox } from "../modal/sandboxes.ts";

/** How a command runs in a sandbox. */
export interface ExecOptions {
  /** As root instead of user `parhelia`. */
  readonly root?: boolean;
  /** Absolute directory. Default: the session's workspace. */
  readonly cwd?: string | undefined;
  /** On top of the session's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Give it a terminal. */
  readonly terminal?: CommandTerminal | undefined;
}

/** How large a terminal is, in characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** The terminal that a command is given. */
export interface CommandTerminal extends TerminalSize {
  /** `TERM`; one that the image does not know becomes xterm-256color. */
  readonly type: string;
  /** Whether it shows 24-bit colours: `COLORTERM` says so to programs. */
  readonly trueColor: boolean;
}

/** A command that runs in a sandbox. */
export interface RunningCommand {
  /** Names it in the sandbox. */
  readonly id: string;
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Its exit status, as a shell counts it: 128 and the number of the signal that ended it. */
  wait(): Promise<number>;
  /** Sends a signal, such as `INT`, to it and to what it started. */
  signal(name: string): Promise<void>;
  /** Ends its standard input, also after a write that failed. */
  closeStdin(): Promise<void>;
}

/** What a command printed, and how it ended. */
export interface CommandResult {
  readonly exitStatus: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Modal's limit on the arguments of one exec, in bytes; some of it is for our own wrapper. */
const MAX_ARGUMENT_BYTES = 65_000;

/**
 * Starts a command in the session's environment, as user `parhelia` (decision D6).
 * @throws UserError when its arguments are longer than Modal takes
 */
export async function startCommand(
  sandbox: Sandbox,
  command: readonly string[],
  options: ExecOptions = {},
): Promise<RunningCommand> {
  const argumentBytes = command.reduce((sum, word) => sum + Buffer.byteLength(word), 0);
  if (argumentBytes > MAX_ARGUMENT_BYTES) {
    throw new UserError(
      `the command's arguments have ${argumentBytes} bytes, Modal takes ${MAX_ARGUMENT_BYTES}`,
      { hint: "give it the long part on standard input" },
    );
  }
  const execId = randomUUID();
  const { terminal } = options;
  const wrapper = [EXEC_PROGRAM, "--id", execId];
  if (options.root === true) wrapper.push("--root");
  if (options.cwd !== undefined) wrapper.push("--cwd", options.cwd);
  if (terminal !== undefined) {
    const { rows, columns, type } = terminal;
    wrapper.unshift(TERMINAL_PROGRAM, execId, `${rows}`, `${columns}`, type);
  }
  const process: ContainerProcess<Uint8Array> = await sandbox.exec([...wrapper, "--", ...command], {
    mode: "binary",
    pty: terminal !== undefined,
    env: { ...(terminal && colorVariable(terminal)), ...options.env },
  });
  return {
    id: execId,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    wait: () => process.wait(),
    signal: async (name) => {
      const kill = await sandbox.exec([EXEC_PROGRAM, "--signal", name, execId]);
      await kill.wait();
    },
    closeStdin: () => process.closeStdin(),
  };
}

function colorVariable({ trueColor }: CommandTerminal): Record<string, string> {
  return { COLORTERM: trueColor ? "truecolor" : "" };
}

/**
 * Runs a command in a sandbox and returns what it printed (the specification's `run_in_sandbox`). It gets
 * no standard input.
 */
export async function runInSandbox(
  { sandbox }: { readonly sandbox: Sandbox },
  command: readonly string[],
  options: ExecOptions = {},
): Promise<CommandResult> {
  const running = await startCommand(sandbox, command, options);
  await running.closeStdin();
  const [stdout, stderr, exitStatus] = await Promise.all([
    readText(running.stdout),
    readText(running.stderr),
    running.wait(),
  ]);
  return { exitStatus, stdout, stderr };
}

function readText(stream: ReadableStream<Uint8Array>): Promise<string> {
  return new Response(stream).text();
}
