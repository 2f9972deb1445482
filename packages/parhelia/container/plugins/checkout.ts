import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BatchPluginSource } from "../protocol/batch.ts";
import { git, GitError } from "./git.ts";

/** Says in a directory of a repository, which has no `.git`, what commit it is of. */
const COMMIT_MARKER = ".parhelia-commit";

/** What servers say that give branches and tags only, not any commit. */
const NOT_ADVERTISED = /unadvertised object|not our ref|does not allow request/i;

/** The commit that a directory was made from by `checkOut`; undefined when it was not. */
export function commitOf(directory: string): string | undefined {
  for (const file of [join(directory, ".git", "HEAD"), join(directory, COMMIT_MARKER)]) {
    try {
      return readFileSync(file, "utf8").trim();
    } catch {
      // The other one, or none.
    }
  }
  return undefined;
}

/**
 * Clones a repository at one commit, without its history, with its submodules.
 * @param into an empty directory
 * @returns the directory below it that is wanted
 * @throws GitError when there is no such repository, commit or directory, or no way to it
 */
export async function checkOut(source: BatchPluginSource, into: string): Promise<string> {
  const { repository, commit, subdirectory } = source;
  await git(into, ["init", "--quiet"]);
  await git(into, ["remote", "add", "--", "origin", repository]);
  await fetchCommit(into, commit);
  await git(into, ["checkout", "--quiet", "--detach", commit]);
  if (existsSync(join(into, ".gitmodules"))) {
    const update = ["submodule", "update", "--quiet", "--init", "--recursive", "--depth", "1"];
    await git(into, update);
  }
  if (subdirectory === undefined) return into;
  const directory = join(into, subdirectory);
  if (!existsSync(directory)) {
    throw new GitError(`${repository} has no directory ${subdirectory} at ${commit}`);
  }
  rmSync(join(directory, COMMIT_MARKER), { recursive: true, force: true });
  writeFileSync(join(directory, COMMIT_MARKER), `${commit}\n`, { flag: "wx" });
  return directory;
}

async function fetchCommit(into: string, commit: string): Promise<void> {
  const fetch = ["fetch", "--quiet", "--no-tags"];
  try {
    await git(into, [...fetch, "--depth", "1", "origin", commit]);
  } catch (error) {
    if (!(error instanceof GitError) || !NOT_ADVERTISED.test(error.message)) throw error;
    await git(into, [...fetch, "origin", "+refs/*:refs/remotes/origin/*"]);
  }
}
