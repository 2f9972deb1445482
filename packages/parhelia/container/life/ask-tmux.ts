import { execFile } from "node:child_process";
import type { Environment } from "../init/session-environment.ts";
import { SANDBOX_USER } from "../protocol/paths.ts";

const TIMEOUT_MS = 5_000;

/** The lines with which the session's tmux answers; none where it does not run. */
export function askTmux(args: readonly string[], environment: Environment): Promise<string[]> {
  const { uid, gid } = SANDBOX_USER;
  const options = { env: environment, cwd: "/", uid, gid, timeout: TIMEOUT_MS };
  return new Promise((resolve) => {
    execFile("tmux", [...args], options, (error, stdout) => {
      resolve(error === null ? stdout.split("\n").filter((line) => line !== "") : []);
    });
  });
}
