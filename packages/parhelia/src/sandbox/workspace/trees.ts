import { SNAPSHOT } from "../../../container/protocol/workspace.ts";
import type { Exchange } from "../../../container/repository/exchange.ts";
import { runGit, splitZ, tryGit } from "../../../container/repository/run-git.ts";

/** Files by path (Latin-1): mode and id of the content in one text, equal where the files are. */
export type Tree = ReadonlyMap<string, string>;

const NOTHING: Tree = new Map();

/** What a commit has; nothing for null. */
export async function treeOf(exchange: Exchange, commit: string | null): Promise<Tree> {
  return commit === null ? NOTHING : listTree(exchange, `${commit}^{tree}`);
}

/** A part of a snapshot. A part without files is not in it. */
export async function partOf(
  exchange: Exchange,
  snapshot: string | null,
  part: string = SNAPSHOT.worktree,
): Promise<Tree> {
  if (snapshot === null) return NOTHING;
  const tree = await tryGit(exchange.place, ["rev-parse", "--verify", "-q", `${snapshot}:${part}`]);
  return tree === undefined ? NOTHING : listTree(exchange, tree);
}

async function listTree(exchange: Exchange, tree: string): Promise<Tree> {
  const listed = splitZ(await runGit(exchange.place, ["ls-tree", "-r", "-z", "--full-tree", tree]));
  return new Map(
    listed.map((line) => {
      const tab = line.indexOf("\t");
      const [mode = "", , oid = ""] = line.slice(0, tab).split(" ");
      return [line.slice(tab + 1), `${mode} ${oid}`] as const;
    }),
  );
}

/** Whether a file is the place of another repository. */
export function isLink(file: string | undefined): boolean {
  return file?.startsWith("160000 ") === true;
}

/** Makes a tree of files. @returns its id */
export async function writeTree(exchange: Exchange, tree: Tree, name: string): Promise<string> {
  const env = { GIT_INDEX_FILE: `${exchange.directory}/index-${name}` };
  const place = { ...exchange.place, env };
  const lines = [...tree].map(([path, file]) => `${file} 0\t${path}\0`);
  await runGit(place, ["read-tree", "--empty"]);
  await runGit(place, ["update-index", "-z", "--index-info"], lines.join(""));
  return (await runGit(place, ["write-tree", "--missing-ok"])).trim();
}

export function sameTree(one: Tree, other: Tree): boolean {
  return one.size === other.size && [...one].every(([path, file]) => other.get(path) === file);
}
