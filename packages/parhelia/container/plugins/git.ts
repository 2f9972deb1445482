import { spawn } from "node:child_process";

/** One of git's commands; a batch task as a whole has five minutes. */
const TIMEOUT_MS = 120_000;

/** Nothing that a repository brings is run, and nobody is there to be asked. */
const CONFIGURATION = ["core.hooksPath=/dev/null", "gc.auto=0", "advice.detachedHead=false"];
const ENVIRONMENT = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_ALLOW_PROTOCOL: "https:http:ssh:git:file",
  GIT_SSH_COMMAND: "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new",
  GIT_LFS_SKIP_SMUDGE: "1",
  LC_ALL: "C.UTF-8",
};

/** Git ended with another status than 0. The message is what it said. */
export class GitError extends Error {
  override readonly name = "GitError";
}

/**
 * Runs git in a directory.
 * @returns what it printed
 * @throws GitError with the last lines of what it said
 */
export function git(directory: string, args: readonly string[]): Promise<string> {
  const configured = CONFIGURATION.flatMap((setting) => ["-c", setting]);
  const child = spawn("git", [...configured, ...args], {
    cwd: directory,
    env: { ...process.env, ...ENVIRONMENT },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(stdout.trim());
      else reject(new GitError(explain(args, stderr, signal)));
    });
  });
}

const SHOWN_LINES = 3;

/** What git means by these is the reason; the rest is advice. */
const REASON = /^(fatal|error|remote|ERROR):? /;

function explain(args: readonly string[], stderr: string, signal: NodeJS.Signals | null): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const reasons = lines.filter((line) => REASON.test(line));
  const shown = (reasons.length > 0 ? reasons : lines).slice(-SHOWN_LINES).join("; ");
  const end = signal === null ? "" : `was ended by ${signal} (at most ${TIMEOUT_MS / 1000} s) `;
  return `git ${args[0] ?? ""}: ${end}${shown}`;
}
