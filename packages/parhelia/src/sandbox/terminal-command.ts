import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { SystemError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { MINUTE_MS } from "../units.ts";
import { waitForEnd, type Sandbox } from "../modal/sandboxes.ts";
import { startCommand, type ExecOptions, type RunningCommand } from "./exec.ts";
import { pumpInput, pumpOutput } from "./pass-through.ts";
import { controlTerminal, type TerminalControl } from "./terminal-control.ts";
import type { UserTerminal } from "./terminal.ts";

/** Signals that end what goes on at a terminal; keys, Ctrl-C too, are bytes there. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;

/** A command that is over may have output under way; one that is hung up has this long to end. */
const LAST_OUTPUT_MS = 1_000;

/** A command that was ended with its sandbox ends before it: init takes this long at most. */
const SANDBOX_END_MS = 3_000;

/** A connection that breaks off that often, once a second, does not come back. */
const MAX_FAILURES = 15;
const FAILURE_PAUSE_MS = 1_000;

/** One that has held for this long before it broke off is a good one. */
const STEADY_MS = 2 * MINUTE_MS;

/** What is to run on a terminal, and where. */
export interface TerminalCommand {
  readonly connection: Connection;
  readonly sandbox: Sandbox;
  /** Of the session, for messages. */
  readonly sessionName: string;
  readonly command: readonly string[];
  readonly options?: Omit<ExecOptions, "terminal">;
  /** A status with which the command says that perhaps the whole sandbox is ending. */
  readonly endingStatus?: number;
}

/**
 * Runs a command on the user's terminal, whose size it follows, and gives the terminal back as it was. A
 * signal to this process hangs the command up.
 * @returns the command's exit status, or 128 and the number of the signal
 * @throws SystemError when the sandbox ends before the command does
 */
export async function runOnTerminal(
  { connection, sandbox, sessionName, command, options, endingStatus }: TerminalCommand,
  terminal: UserTerminal,
): Promise<number> {
  const running = await startCommand(sandbox, command, {
    ...options,
    terminal: terminal.description,
  });
  const over = new AbortController();
  const sandboxEnd = awaitSandboxEnd(connection, sandbox, over.signal).then(() => {
    throw sessionEnded(sessionName);
  });
  sandboxEnd.catch(() => undefined); // nobody waits for it once the command is over
  try {
    const control = controlTerminal(sandbox, running.id, terminal.size);
    const status = await showOn(terminal, { running, control, sandboxEnd, over: over.signal });
    const mayBeTheSandbox = status === endingStatus || status === 128 + constants.signals.SIGKILL;
    if (mayBeTheSandbox) await Promise.race([sandboxEnd, delay(SANDBOX_END_MS)]);
    return status;
  } finally {
    over.abort();
    terminal.restore();
    terminal.stdin.destroy();
  }
}

function sessionEnded(name: string): SystemError {
  return new SystemError(`session ${name} has ended`, {
    hint: `parhelia logs ${name} shows its last output; parhelia up ${name} starts it again`,
  });
}

/** A command that is shown on the user's terminal. */
interface ShownCommand {
  readonly running: RunningCommand;
  readonly control: TerminalControl;
  /** Rejects when the sandbox has ended. */
  readonly sandboxEnd: Promise<never>;
  /** From when on nothing is shown any more. */
  readonly over: AbortSignal;
}

/** Connects the two terminals until the command ends, its sandbox does, or a signal comes. */
async function showOn(
  terminal: UserTerminal,
  { running, control, sandboxEnd, over }: ShownCommand,
): Promise<number> {
  const stopFollowing = terminal.onResize(control.resize);
  const signal = awaitSignal();
  terminal.makeRaw();
  try {
    const exit = running.wait();
    const input = pumpInput(terminal.stdin, running, over);
    const output = pumpOutput(watched(terminal, running.stdout, over), terminal.stdout);
    const status = await Promise.race([
      exit,
      output.then(() => exit), // where it breaks off, so does all the rest
      failAfter(input),
      signal.arrived,
      sandboxEnd,
    ]);
    await endGently(control, output);
    return status;
  } finally {
    stopFollowing();
    signal.stopWaiting();
  }
}

/**
 * Nobody wants to sit at a terminal that takes no input any more.
 * @throws SystemError some time after the input's end: that of the command comes first as a rule
 */
async function failAfter(input: Promise<void>): Promise<never> {
  await input.catch(() => undefined);
  await delay(LAST_OUTPUT_MS, undefined, { ref: false });
  throw new SystemError("the connection to the sandbox was lost", {
    hint: "try again; parhelia ls lists what runs",
  });
}

/** Waits for the sandbox's end, across gaps in the connection such as a laptop's sleep. */
async function awaitSandboxEnd(
  connection: Connection,
  sandbox: Sandbox,
  over: AbortSignal,
): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    const askedAtMs = Date.now();
    try {
      await waitForEnd(connection, sandbox, over);
      return;
    } catch (error) {
      if (over.aborted || failures === MAX_FAILURES) throw error;
      if (Date.now() - askedAtMs > STEADY_MS) failures = 0;
      await delay(FAILURE_PAUSE_MS, undefined, { ref: false });
    }
  }
}

/** The command's last output often is what gives the terminal back: it is waited for, but not for long. */
async function endGently(control: TerminalControl, output: Promise<void>): Promise<void> {
  const ended = control.close().then(() => output);
  await Promise.race([ended, delay(LAST_OUTPUT_MS, undefined, { ref: false })]);
}

async function* watched(
  terminal: UserTerminal,
  output: AsyncIterable<Uint8Array>,
  over: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of output) {
    if (over.aborted) return;
    terminal.watch(chunk);
    yield chunk;
  }
}

/** Resolves with 128 and the number of the first ending signal. */
function awaitSignal(): { readonly arrived: Promise<number>; stopWaiting(): void } {
  const { promise, resolve } = Promise.withResolvers<number>();
  const listeners = ENDING_SIGNALS.map((name) => {
    const listener = () => {
      resolve(128 + constants.signals[name]);
    };
    process.on(name, listener);
    return { name, listener };
  });
  return {
    arrived: promise,
    stopWaiting: () => {
      for (const { name, listener } of listeners) process.off(name, listener);
    },
  };
}
