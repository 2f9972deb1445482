import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SANDBOX_USER } from "../protocol/paths.ts";
import type { Environment } from "./session-environment.ts";
import { StepError } from "./steps.ts";

/** No command of init has a reason to take longer. */
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Runs a command as the sandbox's user, in `/`, to its end.
 * @param options `timeoutMs` default 30 000; then the command is killed. `user` default `parhelia`.
 * `shownAs` stands in the error for a command that is too long to be read.
 * @throws StepError with the command's own output when it does not end with status 0.
 */
export async function runAsUser(
  argv: readonly [string, ...string[]],
  options: {
    readonly environment: Environment;
    readonly timeoutMs?: number;
    readonly user?: { readonly uid: number; readonly gid: number };
    readonly shownAs?: string;
  },
): Promise<void> {
  // Into a file: pipes would cost init the loading of the stream modules, some 10 ms, and a server that
  // the command leaves running would hold them open.
  const directory = mkdtempSync("/tmp/parhelia-init-");
  try {
    const file = join(directory, "output");
    const outcome = await runInto(file, argv, options);
    if (outcome === null) return;
    const output = readFileSync(file, "utf8").trimEnd();
    throw new StepError(`${output}\n${options.shownAs ?? argv.join(" ")} ${outcome}`.trimStart());
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Null when the command ended with status 0, otherwise how it ended. */
function runInto(
  outputFile: string,
  [command, ...args]: readonly [string, ...string[]],
  {
    environment,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    user = SANDBOX_USER,
  }: Parameters<typeof runAsUser>[1],
): Promise<string | null> {
  const output = openSync(outputFile, "a");
  const child = spawn(command, args, {
    env: environment,
    cwd: "/",
    uid: user.uid,
    gid: user.gid,
    stdio: ["ignore", output, output],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  closeSync(output);
  return new Promise((resolve) => {
    child.on("error", (error) => {
      resolve(`could not be started: ${error.message}`);
    });
    child.on("exit", (code, signal) => {
      if (code === 0) resolve(null);
      else resolve(signal === null ? `ended with status ${code}` : `was killed by ${signal}`);
    });
  });
}
