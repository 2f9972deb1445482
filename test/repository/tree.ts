import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The repository's folder. */
export const ROOT = resolve(import.meta.dirname, "../..");

/** What git knows or would add, relative to the root: the whole repository, without what is built. */
export function repositoryFiles(): string[] {
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const listed = execFileSync("git", list, { cwd: ROOT, encoding: "utf8" });
  const deleted = execFileSync("git", ["ls-files", "--deleted", "-z"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  const gone = new Set(deleted.split("\0"));
  return [...new Set(listed.split("\0"))].filter((file) => file !== "" && !gone.has(file));
}

/** A file of the repository as text. */
export function readText(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** A JSON file of the repository. */
export function readJson(file: string): unknown {
  return JSON.parse(readText(file));
}
