import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import {
  pathInVolume,
  SYNC_COMMITTED_DIR,
  SYNC_MANIFEST_FILE,
  syncCompleteFile,
} from "../../src/volume/layout.ts";
import {
  STAGE_NAME,
  STAGED_MANIFEST,
  STAGED_ORDERS,
  STAGED_TREE,
  type CommitOrders,
  syncDirectory,
} from "./stage.ts";
import { SYNCED_ROOTS } from "./synced-paths.ts";

/** How `syncCompleteFile` names its files. */
const COMPLETE_PREFIX = basename(syncCompleteFile(""));

/** A stage is older than any sync runs: whoever filled it is gone. */
const STAGE_LIFETIME_MS = 60 * 60 * 1000;

/** Lets others see what was written to the volume so far. Without it they may see it in any order. */
export type CommitVolume = () => void;

/**
 * Commits a complete stage: one rename, before which nothing has happened, and after which everything will,
 * by us or by whoever comes next.
 * @returns false when another sync was committed at this moment; nothing was done
 */
export function commit(
  volume: string,
  stageDirectory: string,
  commitVolume: CommitVolume = noVolume,
): boolean {
  for (const name of readdirSync(syncDirectory(volume))) {
    if (name.startsWith(COMPLETE_PREFIX))
      rmSync(join(syncDirectory(volume), name), { force: true });
  }
  const isCommitted = unlessRefused(["ENOTEMPTY", "EEXIST"], () => {
    renameSync(stageDirectory, inVolume(volume, SYNC_COMMITTED_DIR));
  });
  // Nobody sees a new file while the mark still says that all of the old ones are there.
  if (isCommitted) commitVolume();
  return isCommitted;
}

/** For a directory that is no volume. */
function noVolume(): void {
  // What is written to it is seen at once.
}

/**
 * Puts a committed sync in place, where one was interrupted; one look when there is none. Each step can be
 * done twice, and by two at once. New files appear by rename, whole directories where there were none; then
 * what is no longer wanted goes; then comes the manifest, and at last the mark that all is there.
 */
export function rollForward(volume: string, commitVolume: CommitVolume = noVolume): void {
  const committed = inVolume(volume, SYNC_COMMITTED_DIR);
  if (!existsSync(committed)) return;
  const orders = readOrders(committed);
  if (orders !== undefined) {
    moveInto(join(committed, STAGED_TREE), volume);
    removeFiles(volume, orders.removals);
    moveFile(join(committed, STAGED_MANIFEST), inVolume(volume, SYNC_MANIFEST_FILE));
    commitVolume();
    writeFileSync(inVolume(volume, syncCompleteFile(orders.digest)), "");
  }
  rmSync(committed, { recursive: true, force: true });
}

function readOrders(committed: string): CommitOrders | undefined {
  try {
    return JSON.parse(readFileSync(join(committed, STAGED_ORDERS), "utf8")) as CommitOrders;
  } catch (error) {
    if (hasCode(error, ["ENOENT"])) return undefined; // somebody else has just done it all
    throw error;
  }
}

function inVolume(volume: string, path: string): string {
  return join(volume, pathInVolume(path));
}

/** Removes what syncs left that ended before they were committed. */
export function removeOldStages(volume: string, nowMs = Date.now()): void {
  for (const name of readdirSync(syncDirectory(volume))) {
    const startedAtMs = Number(STAGE_NAME.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
    if (startedAtMs + STAGE_LIFETIME_MS > nowMs) continue;
    rmSync(join(syncDirectory(volume), name), { recursive: true, force: true });
  }
}

/** Moves a directory's content into another one, where what is in the way gives way. */
function moveInto(from: string, to: string): void {
  for (const entry of entriesOf(from)) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    const found = lstatSync(target, { throwIfNoEntry: false });
    // A link is no directory here: following it could lead out of the volume.
    if (entry.isDirectory() && found?.isDirectory() === true) {
      moveInto(source, target);
      continue;
    }
    const isInTheWay = found !== undefined && (entry.isDirectory() || found.isDirectory());
    if (isInTheWay) rmSync(target, { recursive: true, force: true });
    moveFile(source, target);
  }
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (hasCode(error, ["ENOENT"])) return []; // was moved
    throw error;
  }
}

function moveFile(from: string, to: string): void {
  unlessRefused(["ENOENT"], () => {
    renameSync(from, to);
  });
}

function removeFiles(volume: string, paths: readonly string[]): void {
  const parents = new Set<string>();
  for (const path of paths) {
    // Where a directory has taken the file's place, or a file that of its directory, it is gone already.
    unlessRefused(["ENOENT", "ENOTDIR", "EISDIR", "EPERM"], () => {
      unlinkSync(join(volume, path));
    });
    for (let parent = dirname(path); isBelowRoots(parent); parent = dirname(parent)) {
      parents.add(parent);
    }
  }
  for (const parent of [...parents].sort((a, b) => b.length - a.length)) {
    unlessRefused(["ENOENT", "ENOTDIR", "ENOTEMPTY", "EEXIST"], () => {
      rmdirSync(join(volume, parent));
    });
  }
}

/** Below `config/claude` or `plugins`, which stay also when they are empty. */
function isBelowRoots(path: string): boolean {
  return SYNCED_ROOTS.some((root) => path.startsWith(root));
}

/** Does something; content when it is refused for one of these reasons. @returns whether it was done */
function unlessRefused(codes: readonly string[], action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (hasCode(error, codes)) return false;
    throw error;
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}
