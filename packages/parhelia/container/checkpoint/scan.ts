import type { Stats } from "node:fs";
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { SkippedFile } from "../protocol/checkpoint.ts";
import { sleepSync } from "../sleep.ts";
import type { Entry } from "./entry.ts";
import { fileEntry } from "./entry.ts";

const ANYONE_READS = 0o444;

/** A file that changed so shortly before it was read may change again, unseen: clocks of file systems are coarse. */
export const UNSURE_MS = 50;

const isRoot = process.geteuid?.() === 0;

/** What is on a tree's disk, besides what the entry says: it tells a change that left size and time alone. */
export interface Fingerprint {
  readonly changedAtMs: number;
  readonly inode: number;
}

/** An entry of a tree as a scan finds it. */
export interface Found {
  readonly entry: Entry;
  readonly fingerprint: Fingerprint;
}

/** A tree at one time: nothing is read but directories and links. */
export interface Scan {
  /** By path, directories before what is in them. */
  readonly found: ReadonlyMap<string, Found>;
  readonly skipped: readonly SkippedFile[];
}

/**
 * Looks at a whole tree. What cannot be taken along is listed: sockets, pipes, devices, directories that
 * cannot be read, and names that are not UTF-8. What vanishes meanwhile is not there.
 */
export function scanTree(root: string): Scan {
  const found = new Map<string, Found>();
  const skipped: SkippedFile[] = [];
  const visit = (directory: string): void => {
    for (const name of namesIn(root, directory, skipped)) {
      const path = directory === "" ? name : `${directory}/${name}`;
      const stats = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
      if (stats === undefined) {
        if (name.includes("\uFFFD")) skipped.push({ path, reason: "its name is not UTF-8" });
        continue;
      }
      const entry = describe(root, path, stats);
      if (typeof entry === "string") {
        skipped.push({ path, reason: entry });
        continue;
      }
      if (entry === undefined) continue;
      const fingerprint = { changedAtMs: stats.ctimeMs, inode: stats.ino };
      found.set(path, { entry, fingerprint });
      if (entry.type === "directory") visit(path);
    }
  };
  visit("");
  return { found, skipped };
}

/** Waits until all that was found is old enough to be known again, unless it changes meanwhile. */
export function letSettle({ found }: Scan): void {
  let newestMs = 0;
  for (const { fingerprint } of found.values()) {
    newestMs = Math.max(newestMs, fingerprint.changedAtMs);
  }
  const leftMs = newestMs + UNSURE_MS + 1 - Date.now();
  if (leftMs > 0) sleepSync(Math.min(leftMs, UNSURE_MS + 1));
}

function namesIn(root: string, directory: string, skipped: SkippedFile[]): string[] {
  try {
    return readdirSync(`${root}/${directory}`).sort();
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOENT") skipped.push({ path: directory || ".", reason: code });
    return [];
  }
}

/** Undefined for what has just vanished; a text, where it cannot be taken along, says why. */
function describe(root: string, path: string, stats: Stats): Entry | string | undefined {
  if (stats.isFile()) {
    const isReadable = isRoot || (stats.mode & ANYONE_READS) !== 0;
    return isReadable ? fileEntry(path, stats) : "EACCES";
  }
  const common = { path, mode: stats.mode & 0o7777, modifiedAtMs: stats.mtimeMs, size: 0 };
  if (stats.isDirectory()) return { ...common, type: "directory" };
  if (stats.isSymbolicLink()) {
    try {
      return { ...common, type: "link", target: readlinkSync(`${root}/${path}`) };
    } catch (error) {
      return errorCode(error) === "ENOENT" ? undefined : errorCode(error);
    }
  }
  if (stats.isSocket()) return "socket";
  return stats.isFIFO() ? "pipe" : "device";
}

/** `ENOENT`, … of an error of the file system. */
export function errorCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
