import { lstatSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { decode, runGit, splitZ } from "./run-git.ts";

/** An entry of the index. Paths are Latin-1, one character a byte. */
export interface IndexEntry {
  readonly mode: string;
  readonly oid: string;
  readonly stage: string;
  readonly path: string;
  /** Assumed unchanged, or left out of a sparse tree: git does not look at the file. */
  readonly isFlagged: boolean;
}

/** A repository with a working tree: the project's own, or one inside of it. */
export interface Repository {
  /** From the project's root; empty for the project itself. */
  readonly path: string;
  readonly workTree: string;
  readonly gitDir: string;
  /** Below the project's `.git`; null: in a `.git` of its own. */
  readonly gitDirectory: string | null;
  readonly objectFormat: string;
  readonly files: Readonly<Record<(typeof GIT_PATHS)[number], string>>;
  readonly shallow: readonly string[];
  readonly entries: readonly IndexEntry[];
  /** Untracked files that are not ignored. */
  readonly untracked: readonly string[];
  /** Repositories inside: paths below this one's root. */
  readonly nested: readonly string[];
}

const GIT_PATHS = ["objects", "index", "shallow", "info/exclude", "info/attributes"] as const;

export const GITLINK = "160000";

/**
 * The repository of a working tree, and those inside of it: submodules that are checked out, and repositories
 * that nobody has made submodules. Outer ones come first. Nothing is written.
 */
export async function openRepositories(root: string): Promise<Repository[]> {
  const repositories = [await openRepository(root, "", undefined)];
  for (const { path, nested } of repositories) {
    for (const name of nested) {
      const inner = path === "" ? name : `${path}/${name}`;
      repositories.push(await openRepository(resolve(root, inner), inner, repositories[0]?.gitDir));
    }
  }
  return repositories;
}

async function openRepository(
  workTree: string,
  path: string,
  rootGitDir: string | undefined,
): Promise<Repository> {
  const place = { directory: workTree };
  const [described, listed, others] = await Promise.all([
    runGit(place, [
      ...["rev-parse", "--absolute-git-dir", "--show-object-format"],
      ...GIT_PATHS.flatMap((name) => ["--git-path", name]),
    ]),
    runGit(place, ["ls-files", "-z", "-v", "--stage"]),
    runGit(place, ["ls-files", "-z", "--others", "--exclude-standard"]),
  ]);
  const [gitDir = "", objectFormat = "", ...paths] = decode(described).trimEnd().split("\n");
  const files = Object.fromEntries(
    GIT_PATHS.map((name, index) => [name, resolve(workTree, paths[index] ?? "")]),
  ) as Repository["files"];
  const inside = rootGitDir === undefined ? "" : relative(rootGitDir, gitDir);
  const entries = splitZ(listed).map(parseEntry);
  const links = entries.filter(({ mode }) => mode === GITLINK).map((entry) => entry.path);
  const unknown = splitZ(others);
  const embedded = unknown.filter((name) => name.endsWith("/")).map((name) => name.slice(0, -1));
  return {
    path,
    workTree,
    gitDir,
    gitDirectory: inside.startsWith("modules/") ? inside : null,
    objectFormat,
    files,
    shallow: readText(files.shallow).split("\n").filter(Boolean),
    entries,
    untracked: unknown.filter((name) => !name.endsWith("/")),
    nested: [...new Set([...links, ...embedded])]
      .map(decode)
      .filter((name) => lstatSync(resolve(workTree, name, ".git"), { throwIfNoEntry: false })),
  };
}

function parseEntry(line: string): IndexEntry {
  const tab = line.indexOf("\t");
  const [tag = "", mode = "", oid = "", stage = ""] = line.slice(0, tab).split(" ");
  const isFlagged = tag === "S" || tag === tag.toLowerCase();
  return { mode, oid, stage, path: line.slice(tab + 1), isFlagged };
}

/** The text of a file; empty where there is none. */
export function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
