import type { Stats } from "node:fs";

/** A file, directory or symbolic link of a tree. */
export interface Entry {
  /** From the tree's root, without a leading slash. */
  readonly path: string;
  readonly type: "file" | "directory" | "link";
  /** Permission bits. */
  readonly mode: number;
  /** Milliseconds since 1970, with fractions. */
  readonly modifiedAtMs: number;
  /** Bytes; 0 for what is no file. */
  readonly size: number;
  /** Of a link. */
  readonly target?: string;
}

/** Times are restored as fractions of a second in a double: they come back to within a microsecond or so. */
const TIME_TOLERANCE_MS = 0.002;

/** Whether two entries describe the same, as far as can be seen without reading. */
export function isSameEntry(one: Entry, other: Entry): boolean {
  if (one.type !== other.type || one.target !== other.target) return false;
  if (one.type === "link") return true;
  if (one.mode !== other.mode) return false;
  // A directory's time changes with what is in it, which is compared itself.
  if (one.type === "directory") return true;
  return (
    one.size === other.size && Math.abs(one.modifiedAtMs - other.modifiedAtMs) <= TIME_TOLERANCE_MS
  );
}

/** A file as it was found. */
export function fileEntry(path: string, stats: Stats): Entry {
  return {
    path,
    type: "file",
    mode: stats.mode & 0o7777,
    modifiedAtMs: stats.mtimeMs,
    size: stats.size,
  };
}
