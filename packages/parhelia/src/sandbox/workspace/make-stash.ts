import { SNAPSHOT, type SessionRepository } from "../../../container/protocol/workspace.ts";
import type { Exchange } from "../../../container/repository/exchange.ts";
import { runGit, tryGit } from "../../../container/repository/run-git.ts";
import { fetchObjects, type LocalRepository } from "./local-side.ts";
import { isLink, partOf, treeOf, writeTree, type Tree } from "./trees.ts";

/**
 * Puts what a session has not committed into a stash entry of the user's repository, as `git stash push
 * --include-untracked` would have made it there. The same once more makes no second entry.
 * @returns the commit of the entry
 */
export async function bringStash(
  local: LocalRepository,
  exchange: Exchange,
  session: SessionRepository & { readonly head: string },
  message: string,
): Promise<string> {
  const stash = await makeStash(exchange, session, message);
  await fetchObjects(local, exchange, [stash]);
  const there = await tryGit(local.place, ["rev-list", "--walk-reflogs", "refs/stash"]);
  if (there?.split("\n").includes(stash) !== true) {
    await runGit(local.place, ["stash", "store", "--quiet", "--message", message, stash]);
  }
  return stash;
}

async function makeStash(
  exchange: Exchange,
  { head, snapshot, changed }: SessionRepository & { readonly head: string },
  message: string,
): Promise<string> {
  const [committed, worktree, staged, normalized] = await Promise.all([
    treeOf(exchange, head),
    partOf(exchange, snapshot),
    partOf(exchange, snapshot, SNAPSHOT.staged),
    partOf(exchange, snapshot, SNAPSHOT.normalized),
  ]);
  const isChanged = new Set(changed);
  const tracked = new Map<string, string>();
  const untracked = new Map<string, string>();
  for (const [path, file] of worktree) {
    const before = committed.get(path);
    if (!staged.has(path) && before === undefined) {
      if (!isLink(file)) untracked.set(path, file);
      continue;
    }
    const isSame = !isChanged.has(path) && before !== undefined;
    tracked.set(path, isSame ? before : (normalized.get(path) ?? file));
  }
  // One after the other: the same session makes the same commits.
  const date = (await runGit(exchange.place, ["show", "-s", "--format=%cI", head])).trim();
  const commit = async (tree: Tree, name: string, parents: readonly string[], text: string) =>
    (
      await runGit({ ...exchange.place, env: identity(date) }, [
        ...["commit-tree", await writeTree(exchange, tree, name), "-m", text],
        ...parents.flatMap((parent) => ["-p", parent]),
      ])
    ).trim();
  const index = await commit(staged, "staged", [head], `index of ${message}`);
  const others = await commit(untracked, "untracked", [], `untracked files of ${message}`);
  return commit(tracked, "tracked", [head, index, others], message);
}

function identity(date: string): Record<string, string> {
  return Object.fromEntries(
    ["AUTHOR", "COMMITTER"].flatMap((who) => [
      [`GIT_${who}_NAME`, "Parhelia"],
      [`GIT_${who}_EMAIL`, "parhelia@localhost"],
      [`GIT_${who}_DATE`, date],
    ]),
  );
}
