import { readdirSync, readFileSync } from "node:fs";
import { join, matchesGlob, relative, resolve } from "node:path";

/** The repository's folder. */
export const ROOT = resolve(import.meta.dirname, "../..");

/** What `.gitignore` names: names of folders and patterns of file names. */
const IGNORED = readFileSync(join(ROOT, ".gitignore"), "utf8")
  .split("\n")
  .map((line) => line.trim().replace(/\/$/, ""))
  .filter((line) => line !== "")
  .concat(".git");

/**
 * All files of the repository but what is built and fetched, relative to the root. It asks no git, which a
 * machine that runs the tests need not have.
 */
export function repositoryFiles(folder = ROOT): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !IGNORED.some((pattern) => matchesGlob(name, pattern)))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return repositoryFiles(path);
      return entry.isFile() ? [relative(ROOT, path)] : [];
    });
}

/** A file of the repository as text. */
export function readText(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** A JSON file of the repository. */
export function readJson(file: string): unknown {
  return JSON.parse(readText(file));
}
