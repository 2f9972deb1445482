import { spawn } from "node:child_process";

/** How a program that a test ran has ended. */
export interface ProgramResult {
  readonly stdout: string;
  readonly stderr: string;
  /** As a shell gives it: 128 and the signal's number when a signal ended the program. */
  readonly exitStatus: number;
  readonly durationMs: number;
}

export interface ProgramOptions {
  readonly cwd?: string;
  /** The whole environment: nothing is inherited unless it is in here. */
  readonly env: NodeJS.ProcessEnv;
  /** Written to standard input, which is closed after it. */
  readonly stdin?: string | Uint8Array;
  /** After this time the program is killed, and the result says 137. */
  readonly timeoutMs: number;
}

const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};

/** Runs a program to its end and collects what it printed. It rejects only when it cannot start. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  const started = performance.now();
  const child = spawn(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env,
    timeout: options.timeoutMs,
    killSignal: "SIGKILL",
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A program may end before it has read all of its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.stdin ?? "");
  const exitStatus = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve(code ?? 128 + (SIGNAL_NUMBERS[signal ?? "SIGKILL"] ?? 0));
    });
  });
  return {
    stdout: Buffer.concat(stdout).toString("utf8"),
    stderr: Buffer.concat(stderr).toString("utf8"),
    exitStatus,
    durationMs: performance.now() - started,
  };
}
