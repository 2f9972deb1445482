import { spawn } from "node:child_process";
import { constants } from "node:os";

/** How a program that a test ran has ended. */
export interface ProgramResult {
  readonly stdout: string;
  /** The same as bytes, for what is no text. */
  readonly stdoutBytes: Buffer;
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

/** A program that runs. */
export interface RunningProgram {
  readonly pid: number;
  /** Sends a signal to this one process. */
  signal(name: NodeJS.Signals): void;
  /** Resolves with what matches, as soon as it stands in the output; rejects when the program ends first. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves at the end, whatever the exit status; rejects only when the program cannot start. */
  readonly result: Promise<ProgramResult>;
}

/** Runs a program to its end and collects what it printed. It rejects only when it cannot start. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  return startProgram(program, args, options).result;
}

/** Starts a program whose course a test wants to influence. */
export function startProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): RunningProgram {
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
  const result = new Promise<ProgramResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const stdoutBytes = Buffer.concat(stdout);
      resolve({
        stdout: stdoutBytes.toString("utf8"),
        stdoutBytes,
        stderr: Buffer.concat(stderr).toString("utf8"),
        exitStatus: code ?? 128 + constants.signals[signal ?? "SIGKILL"],
        durationMs: performance.now() - started,
      });
    });
  });
  const printed = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(Buffer.concat([...stdout, ...stderr]).toString("utf8"));
        if (found !== null) resolve(found);
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      look();
      const ended = (): void =>
        reject(new Error(`${program} ended without printing ${String(pattern)}`));
      result.then(ended, reject);
    });
  return {
    pid: child.pid ?? 0,
    signal: (name) => void child.kill(name),
    printed,
    result,
  };
}
