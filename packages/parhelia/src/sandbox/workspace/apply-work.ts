import { lstatSync, readdirSync, rmSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { SNAPSHOT, type SessionRepository } from "../../../container/protocol/workspace.ts";
import { writeFiles } from "../../../container/repository/checkout.ts";
import type { Exchange } from "../../../container/repository/exchange.ts";
import { decode, pathBytes, runGit, tryGit } from "../../../container/repository/run-git.ts";
import { IndexLock } from "./index-lock.ts";
import { fetchObjects, type LocalRepository } from "./local-side.ts";
import { isLink, partOf, sameTree, treeOf, type Tree } from "./trees.ts";

/** What putting a session's work into the user's working tree would do. */
export interface WorkPlan {
  readonly local: LocalRepository;
  readonly session: SessionRepository;
  /** Paths (Latin-1). */
  readonly writes: readonly string[];
  readonly removals: readonly string[];
  /** Changed on both sides, or in the way: nothing is done while there are any. */
  readonly conflicts: readonly string[];
  /** Index entries of files that are the same for Git and not on disk, as lines for `update-index`. */
  readonly converted: readonly string[];
  /** Whether the session's index becomes the user's: both begin at the same commit and nothing else is staged. */
  readonly takesIndex: boolean;
}

/**
 * Compares file by file: the session's with the user's, with what the session began with, and with its commit.
 * A file of the user's is replaced only when it is as committed, or as it was when the session began.
 */
export async function planWork(
  local: LocalRepository,
  session: SessionRepository,
  exchange: Exchange,
): Promise<WorkPlan> {
  const [theirs, ours, sent, committed, here, staged] = await Promise.all([
    partOf(exchange, session.snapshot),
    partOf(exchange, local.snapshot),
    partOf(exchange, session.sent),
    treeOf(exchange, session.head),
    treeOf(exchange, local.head),
    partOf(exchange, session.snapshot, SNAPSHOT.staged),
  ]);
  const changed = new Set(session.changed);
  const isSameCommit = local.head === session.head;
  const wanted = (path: string): "keep" | "take" | "conflict" => {
    const [theirFile, ourFile, sentFile] = [theirs.get(path), ours.get(path), sent.get(path)];
    if (theirFile === ourFile || isLink(theirFile) || isLink(ourFile)) return "keep";
    const isUncommitted = changed.has(path);
    const isUntouched = !local.changed.has(path) && here.get(path) === committed.get(path);
    if (isUntouched) return isUncommitted ? "take" : "keep";
    if (ourFile === sentFile) return isSameCommit || isUncommitted ? "take" : "keep";
    return !isUncommitted || theirFile === sentFile ? "keep" : "conflict";
  };
  const paths = [...new Set([...theirs.keys(), ...ours.keys()])];
  const taken = paths.filter((path) => wanted(path) === "take");
  const writes = taken.filter((path) => theirs.has(path));
  const removals = taken.filter((path) => !theirs.has(path));
  const conflicts = [
    ...paths.filter((path) => wanted(path) === "conflict"),
    ...obstacles(local, writes, new Set(removals), ours),
  ];
  const takesIndex = isSameCommit && (await isIndexFree(local, session, exchange, here));
  const isTaken = new Set(taken);
  const converted = [...staged]
    .filter(([path]) => theirs.has(path) && ours.has(path) && !changed.has(path))
    .filter(([path]) => theirs.get(path) !== ours.get(path) && !isTaken.has(path))
    .filter(([, file]) => !isLink(file))
    .map(([path, file]) => `${file} 0\t${path}\0`);
  return { local, session, writes, removals, conflicts: conflicts.sort(), converted, takesIndex };
}

/** What is staged here is what the session began with, or nothing. */
async function isIndexFree(
  local: LocalRepository,
  session: SessionRepository,
  exchange: Exchange,
  here: Tree,
): Promise<boolean> {
  const [ours, sent] = await Promise.all([
    partOf(exchange, local.snapshot, SNAPSHOT.staged),
    partOf(exchange, session.sent, SNAPSHOT.staged),
  ]);
  return sameTree(ours, sent) || sameTree(ours, here);
}

/** Ignored files, and directories with what stays, where files are to be written. */
function obstacles(
  { repository: { workTree } }: LocalRepository,
  writes: readonly string[],
  removals: ReadonlySet<string>,
  ours: Tree,
): string[] {
  return writes.filter((path) => {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      if (removals.has(parent)) return false;
      const stats = lstatSync(pathBytes(workTree, parent), { throwIfNoEntry: false });
      if (stats !== undefined && !stats.isDirectory()) return true;
    }
    const stats = lstatSync(pathBytes(workTree, path), { throwIfNoEntry: false });
    if (stats === undefined) return false;
    if (!stats.isDirectory()) return !ours.has(path);
    return !filesBelow(workTree, path).every((file) => removals.has(file));
  });
}

function filesBelow(workTree: string, path: string): string[] {
  const entries = readdirSync(pathBytes(workTree, path), {
    withFileTypes: true,
    encoding: "buffer",
  });
  return entries.flatMap((entry) => {
    const inner = `${path}/${entry.name.toString("latin1")}`;
    return entry.isDirectory() ? filesBelow(workTree, inner) : [inner];
  });
}

/**
 * Does what a plan without conflicts says. Once more after a failure, it does the rest.
 * @throws UserError when another Git is at work in the working tree; then nothing is written
 */
export async function applyWork(plan: WorkPlan, exchange: Exchange): Promise<void> {
  const { local, takesIndex, converted } = plan;
  const { repository, place } = local;
  {
    using lock = IndexLock.take(repository);
    await writeWork(plan, exchange);
    if (takesIndex) await takeIndex(plan, exchange, lock);
  }
  // Entries without a size: with one that is another machine's, Git would take the file for a changed one.
  if (takesIndex) await runGit(place, ["update-index", "-z", "--index-info"], converted.join(""));
  await tryGit({ ...place, env: { GIT_OPTIONAL_LOCKS: "1" } }, ["update-index", "-q", "--refresh"]);
}

async function writeWork(
  { local: { repository }, session, writes, removals }: WorkPlan,
  exchange: Exchange,
): Promise<void> {
  const { workTree, objectFormat } = repository;
  // A file that becomes a directory, or the other way round, makes way first.
  for (const path of removals) remove(workTree, path);
  if (writes.length === 0) return;
  const tree = `${session.snapshot}:${SNAPSHOT.worktree}`;
  const objects = join(exchange.directory, "objects");
  await writeFiles(objects, objectFormat, tree, workTree, exchange.directory, writes);
}

async function takeIndex(
  { local, session }: WorkPlan,
  exchange: Exchange,
  lock: IndexLock,
): Promise<void> {
  await fetchObjects(local, exchange, [session.snapshot]);
  const blob = `${session.snapshot}:${SNAPSHOT.index}`;
  const isThere = await tryGit(local.place, ["rev-parse", "--verify", "-q", blob]);
  if (isThere !== undefined) await lock.replaceIndex(local.place, blob);
}

/** And the directories that are empty then, as Git does. */
function remove(workTree: string, path: string): void {
  rmSync(pathBytes(workTree, path), { force: true });
  for (let at = dirname(path); at !== "."; at = dirname(at)) {
    try {
      rmdirSync(pathBytes(workTree, at));
    } catch {
      return; // something is in it
    }
  }
}

/** A path for people. */
export function shown(path: string): string {
  return decode(path);
}
