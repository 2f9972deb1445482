import { copyFileSync, linkSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type {
  CheckpointFile,
  CheckpointState,
  CheckpointWorkspace,
} from "../protocol/checkpoint.ts";
import { CHECKPOINT_FILES } from "../protocol/checkpoint.ts";
import { ArchiveReader } from "./archive-reader.ts";
import { ArchiveWriter } from "./archive-writer.ts";
import type { Entry } from "./entry.ts";
import { isSameEntry } from "./entry.ts";
import type { KnownFiles } from "./known-files.ts";
import type { Fingerprint, Found, Scan } from "./scan.ts";
import { errorCode, UNSURE_MS } from "./scan.ts";

const { workspace: BASE, delta: DELTA } = CHECKPOINT_FILES;

/** A delta with more content than this part of its base is not worth it: a new base is written. */
const DELTA_PART = 0.25;

/** A checkpoint that is there, to build on. */
export interface Previous {
  readonly directory: string;
  readonly state: CheckpointState;
}

/** What became of the workspace in a checkpoint. */
export interface WrittenWorkspace {
  /** Nothing has changed since the checkpoint before. */
  readonly isUnchanged: boolean;
  /** By name. */
  readonly files: Readonly<Record<string, CheckpointFile>>;
  /** Names of those that are the checkpoint before's; `shareFiles` puts them in place. */
  readonly shared: readonly string[];
  readonly writtenBytes: number;
  readonly workspace: Omit<CheckpointWorkspace, "directory">;
  readonly fingerprints: KnownFiles["fingerprints"];
}

/** The archives of a checkpoint, put together: what the tree looked like. */
export interface Contents {
  readonly base: ReadonlyMap<string, Entry>;
  readonly delta: ReadonlyMap<string, Entry>;
  /** What is in the tree. */
  readonly entries: ReadonlyMap<string, Entry>;
}

/** What the archives of a checkpoint hold. @throws Error where they cannot be read */
export function readContents({ directory, state }: Previous): Contents {
  const base = entriesOf(join(directory, BASE));
  const delta = state.files[DELTA] === undefined ? new Map() : entriesOf(join(directory, DELTA));
  const entries = new Map([...base, ...delta]);
  for (const path of state.workspace.deletions) entries.delete(path);
  return { base, delta, entries };
}

/**
 * Writes what a scan found into a checkpoint that is being made: nothing where nothing changed, what changed
 * since the archive of an earlier one, or all of it.
 * @param into the directory of the new checkpoint
 */
export function writeWorkspace(options: {
  readonly root: string;
  readonly scan: Scan;
  readonly into: string;
  readonly previous: Previous | undefined;
  readonly known: KnownFiles | undefined;
}): WrittenWorkspace {
  const { root, scan, into, previous, known } = options;
  const contents = previous && contentsToBuildOn(previous);
  if (previous === undefined || contents === undefined) return writeAll(root, scan, into);

  const changed = new Set<string>();
  for (const [path, found] of scan.found) {
    if (!isKept(found, contents.entries.get(path), known)) changed.add(path);
  }
  const isUnchanged =
    changed.size === 0 && scan.found.size === contents.entries.size && hasSame(scan, previous);
  const sinceBase = [...scan.found.values()].filter(
    ({ entry }) => changed.has(entry.path) || contents.delta.has(entry.path),
  );
  if (!isUnchanged && sizeOf(sinceBase) > DELTA_PART * sizeOf(contents.base.values())) {
    return writeAll(root, scan, into);
  }
  const isSameDelta = changed.size === 0 && sinceBase.length === contents.delta.size;
  const shared: string[] = isSameDelta && contents.delta.size > 0 ? [BASE, DELTA] : [BASE];
  const files = Object.fromEntries(
    Object.entries(previous.state.files).filter(([name]) => shared.includes(name)),
  );
  if (!isSameDelta && sinceBase.length > 0) {
    return withDelta({ root, scan, into, contents, sinceBase, files });
  }
  return {
    isUnchanged,
    files,
    shared,
    writtenBytes: 0,
    workspace: describe(scan, new Lost(scan.skipped), contents.base),
    fingerprints: new Map([...scan.found].map(([path, found]) => [path, found.fingerprint])),
  };
}

/** Gives a new checkpoint the files that it shares with the one before. */
export function shareFiles(
  shared: readonly string[],
  from: Previous | undefined,
  into: string,
): void {
  if (from === undefined) return;
  for (const name of shared) linkOrCopy(join(from.directory, name), join(into, name));
}

/** The checkpoint before has the same list of what could not be taken along, and had no moving target. */
function hasSame(scan: Scan, { state }: Previous): boolean {
  const { skipped, unstable } = state.workspace;
  return unstable.length === 0 && JSON.stringify(skipped) === JSON.stringify(scan.skipped);
}

/** What was found, but is not in the archive as it should be. */
class Lost {
  readonly vanished = new Set<string>();
  readonly skipped: Scan["skipped"][number][];
  readonly unstable: string[] = [];

  constructor(skipped: Scan["skipped"]) {
    this.skipped = [...skipped];
  }
}

function writeAll(root: string, scan: Scan, into: string): WrittenWorkspace {
  const { file, lost, fingerprints } = writeArchive(
    root,
    scan.found.values(),
    scan,
    join(into, BASE),
  );
  return {
    isUnchanged: false,
    files: { [BASE]: file },
    shared: [],
    writtenBytes: file.bytes,
    workspace: describe(scan, lost, new Map()),
    fingerprints,
  };
}

function withDelta(options: {
  readonly root: string;
  readonly scan: Scan;
  readonly into: string;
  readonly contents: Contents;
  readonly sinceBase: readonly Found[];
  readonly files: Readonly<Record<string, CheckpointFile>>;
}): WrittenWorkspace {
  const { root, scan, into, contents, sinceBase, files } = options;
  const { file, lost, fingerprints } = writeArchive(root, sinceBase, scan, join(into, DELTA));
  return {
    isUnchanged: false,
    files: { ...files, [DELTA]: file },
    shared: [BASE],
    writtenBytes: file.bytes,
    workspace: describe(scan, lost, contents.base),
    fingerprints: new Map([
      ...[...scan.found].map(([path, found]) => [path, found.fingerprint] as const),
      ...fingerprints,
    ]),
  };
}

function writeArchive(root: string, all: Iterable<Found>, scan: Scan, path: string) {
  const lost = new Lost(scan.skipped);
  const fingerprints = new Map<string, Fingerprint | null>();
  mkdirSync(dirname(path), { recursive: true });
  const archive = new ArchiveWriter(path);
  try {
    const directories: Entry[] = [];
    for (const { entry, fingerprint } of all) {
      fingerprints.set(entry.path, fingerprint);
      if (entry.type === "directory") directories.push(entry);
      else if (entry.type === "link") archive.add(entry);
      else fingerprints.set(entry.path, writeFile(archive, root, entry.path, lost));
    }
    for (const directory of directories.reverse()) archive.add(directory);
    return { file: archive.finish(), lost, fingerprints };
  } catch (error) {
    archive.close();
    throw error;
  }
}

/** @returns by what the file is known again; null where that is not certain */
function writeFile(
  archive: ArchiveWriter,
  root: string,
  path: string,
  lost: Lost,
): Fingerprint | null {
  try {
    const { snapshot, isStable } = archive.addFile(root, path);
    if (!isStable) lost.unstable.push(path);
    const ageMs = snapshot.lookedAtMs - snapshot.fingerprint.changedAtMs;
    return isStable && ageMs > UNSURE_MS ? snapshot.fingerprint : null;
  } catch (error) {
    const code = errorCode(error);
    if (code === "EACCES" || code === "EPERM") lost.skipped.push({ path, reason: code });
    else if (code !== "ENOENT" && code !== "ELOOP") throw error;
    lost.vanished.add(path);
    return null;
  }
}

function describe(
  scan: Scan,
  lost: Lost,
  base: ReadonlyMap<string, Entry>,
): WrittenWorkspace["workspace"] {
  const isThere = (path: string) => scan.found.has(path) && !lost.vanished.has(path);
  return {
    entries: scan.found.size - lost.vanished.size,
    deletions: [...base.keys()].filter((path) => !isThere(path)),
    skipped: lost.skipped,
    unstable: lost.unstable,
  };
}

function isKept(
  { entry, fingerprint }: Found,
  before: Entry | undefined,
  known: KnownFiles | undefined,
): boolean {
  if (before === undefined || !isSameEntry(entry, before)) return false;
  if (entry.type !== "file" || known === undefined) return true;
  const print = known.fingerprints.get(entry.path);
  if (print === undefined || print === null) return false;
  return print.changedAtMs === fingerprint.changedAtMs && print.inode === fingerprint.inode;
}

/** Undefined where the checkpoint cannot be built on. */
function contentsToBuildOn(previous: Previous): Contents | undefined {
  try {
    return readContents(previous);
  } catch {
    return undefined;
  }
}

function entriesOf(archive: string): ReadonlyMap<string, Entry> {
  const reader = new ArchiveReader(archive);
  reader.close();
  return reader.entries;
}

function sizeOf(all: Iterable<Found | Entry>): number {
  let bytes = 0;
  for (const one of all) bytes += "entry" in one ? one.entry.size : one.size;
  return bytes;
}

/** A second name of the same file, or a copy where the file system has no such thing. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
