import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** A commit's name. */
const COMMIT = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/** The commit that a clone has checked out, read from its files; undefined where there is none. */
export function checkedOutCommit(clone: string): string | undefined {
  const directory = gitDirectory(clone);
  const head = readLine(join(directory, "HEAD"));
  const ref = /^ref: (.+)$/.exec(head)?.[1];
  const commit =
    ref === undefined
      ? head
      : readLine(join(directory, ref)) || packedRef(join(directory, "packed-refs"), ref);
  return COMMIT.test(commit) ? commit : undefined;
}

/**
 * What `git clone` takes for the source of a marketplace or plugin, or undefined when it is none of git.
 * Over HTTPS for GitHub, where a token opens private repositories (SPEC-01.14), and never with a password.
 */
export function repositoryOf(source: Readonly<Record<string, unknown>>): string | undefined {
  const { source: kind, repo, url } = source;
  if (kind === "github" && typeof repo === "string") return `https://github.com/${repo}.git`;
  if (!["git", "git-subdir", "url"].includes(String(kind)) || typeof url !== "string") {
    return undefined;
  }
  if (/^[\w.-]+\/[\w.-]+$/.test(url)) return `https://github.com/${url}.git`;
  const overSsh = /^(?:ssh:\/\/)?git@github\.com[:/](.+?)(?:\.git)?$/.exec(url)?.[1];
  return overSsh === undefined ? withoutCredentials(url) : `https://github.com/${overSsh}.git`;
}

/** An address without the user and password in it. */
export function withoutCredentials(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]*@/, "$1");
}

/** `.git` is a directory, or names one: a worktree, a submodule. */
function gitDirectory(clone: string): string {
  const path = join(clone, ".git");
  const elsewhere = /^gitdir: (.+)$/.exec(readLine(path))?.[1];
  return elsewhere === undefined ? path : resolve(clone, elsewhere);
}

function packedRef(file: string, ref: string): string {
  const line = readText(file)
    .split("\n")
    .find((candidate) => candidate.endsWith(` ${ref}`));
  return line?.split(" ")[0] ?? "";
}

function readLine(file: string): string {
  return readText(file).split("\n")[0]?.trim() ?? "";
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
