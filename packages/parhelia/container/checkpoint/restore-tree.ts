import {
  chmodSync,
  closeSync,
  fchmodSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CHECKPOINT_FILES } from "../protocol/checkpoint.ts";
import { putAside } from "../workspace/put-aside.ts";
import type { FileSink } from "./archive-reader.ts";
import { ArchiveReader } from "./archive-reader.ts";
import type { Entry } from "./entry.ts";
import { isSameEntry } from "./entry.ts";
import { differenceOf } from "./history.ts";
import { scanTree } from "./scan.ts";
import type { Previous } from "./workspace.ts";
import { readContents } from "./workspace.ts";

/** While it is unpacked. */
const BEING_RESTORED = ".restoring";

/** What became of the working tree. */
export interface RestoredTree {
  /** Whether the tree was what the checkpoint has. */
  readonly isKept: boolean;
  /** Where a tree that differed is now. */
  readonly movedTo: string | null;
}

/**
 * Makes a working tree what it was at a checkpoint. One that differs is moved aside, not lost: the newest
 * such is kept. Until the new one is complete and verified, nothing has happened to the old one.
 * @throws Error saying which file of the checkpoint is damaged
 */
export function restoreTree(checkpoint: Previous, tree: string): RestoredTree {
  const { entries } = readContents(checkpoint);
  const found = lstatSync(tree, { throwIfNoEntry: false });
  if (found?.isDirectory() === true && isSameTree(tree, entries)) {
    return { isKept: true, movedTo: null };
  }
  const restoring = `${tree}${BEING_RESTORED}`;
  rmSync(restoring, { recursive: true, force: true });
  mkdirSync(restoring, { recursive: true });
  try {
    unpack(checkpoint, entries, restoring);
  } catch (error) {
    rmSync(restoring, { recursive: true, force: true });
    throw error;
  }
  const movedTo = putAside(tree, checkpoint.state.id);
  renameSync(restoring, tree);
  return { isKept: false, movedTo };
}

function isSameTree(tree: string, entries: ReadonlyMap<string, Entry>): boolean {
  const { found } = scanTree(tree);
  if (found.size !== entries.size) return false;
  for (const [path, { entry }] of found) {
    const wanted = entries.get(path);
    if (wanted === undefined || !isSameEntry(entry, wanted)) return false;
  }
  return true;
}

function unpack(
  { directory, state }: Previous,
  entries: ReadonlyMap<string, Entry>,
  into: string,
): void {
  const { workspace, delta } = CHECKPOINT_FILES;
  const isIn = new Set<string>();
  const made = new Set<string>();
  // What the delta has is newer, and comes first: the base gives what is lacking then.
  for (const name of [delta, workspace]) {
    const wanted = state.files[name];
    if (wanted === undefined) continue;
    const archive = new ArchiveReader(join(directory, name));
    try {
      const isWanted = ({ path }: Entry) => entries.has(path) && !isIn.has(path);
      const links = [...archive.entries.values()].filter(
        (entry) => entry.type === "link" && isWanted(entry),
      );
      const read = archive.readFiles((entry) =>
        isWanted(entry) ? createFile(into, entry, made) : undefined,
      );
      const difference = differenceOf(read, wanted);
      if (difference !== null) throw new Error(`${name} ${difference}`);
      for (const link of links) createLink(into, link, made);
      for (const path of archive.entries.keys()) isIn.add(path);
    } finally {
      archive.close();
    }
  }
  const directories = [...entries.values()].filter(({ type }) => type === "directory");
  for (const { path } of directories) makeDirectory(join(into, path), made);
  // The deepest first: what is done in a directory changes its time, and may need its permission.
  for (const entry of directories.sort((one, other) => other.path.length - one.path.length)) {
    const path = join(into, entry.path);
    utimesSync(path, entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
    chmodSync(path, entry.mode);
  }
}

function createFile(into: string, entry: Entry, made: Set<string>): FileSink {
  const path = `${into}/${entry.path}`;
  makeDirectory(dirname(path), made);
  const descriptor = openSync(path, "wx", 0o600);
  return {
    write: (data) => {
      for (let rest = data; rest.length > 0;) rest = rest.subarray(writeSync(descriptor, rest));
    },
    close: () => {
      futimesSync(descriptor, entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
      fchmodSync(descriptor, entry.mode);
      closeSync(descriptor);
    },
  };
}

function createLink(into: string, entry: Entry, made: Set<string>): void {
  const path = `${into}/${entry.path}`;
  makeDirectory(dirname(path), made);
  symlinkSync(entry.target ?? "", path);
  lutimesSync(path, entry.modifiedAtMs / 1000, entry.modifiedAtMs / 1000);
}

function makeDirectory(path: string, made: Set<string>): void {
  if (made.has(path)) return;
  mkdirSync(path, { recursive: true });
  made.add(path);
}
