import { spawn } from "node:child_process";
import type { CloneRequest } from "../protocol/workspace.ts";

/** Nobody is there to be asked; a new server's key is taken as it is. */
const ENVIRONMENT = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_SSH_COMMAND: "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new",
};

const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Clones a repository with its submodules into an empty directory. Git's progress goes to standard error. A ref that
 * is a whole commit id is checked out as such; else it is a branch or tag.
 */
export async function cloneWorkspace(
  directory: string,
  { url, ref, identity }: Omit<CloneRequest, "project">,
): Promise<void> {
  const isCommit = ref !== null && COMMIT.test(ref);
  const branch = ref === null || isCommit ? [] : ["--branch", ref];
  await git(directory, ["clone", "--progress", "--recurse-submodules", ...branch, "--", url, "."]);
  for (const pair of identity) await git(directory, ["config", ...pair]);
  if (!isCommit) return;
  await git(directory, ["checkout", "--quiet", "--detach", ref]);
  await git(directory, ["submodule", "update", "--quiet", "--init", "--recursive"]);
}

function git(directory: string, args: readonly string[]): Promise<void> {
  const child = spawn("git", args, {
    cwd: directory,
    env: { ...process.env, ...ENVIRONMENT },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`git ${args[0] ?? ""} ended with ${code ?? signal ?? ""}`));
    });
  });
}
