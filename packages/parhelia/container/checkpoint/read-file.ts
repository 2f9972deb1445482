import type { Stats } from "node:fs";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { Entry } from "./entry.ts";
import { fileEntry } from "./entry.ts";
import type { Fingerprint } from "./scan.ts";

/** A file as it was when somebody looked. */
export interface Snapshot {
  readonly entry: Entry;
  readonly fingerprint: Fingerprint;
  readonly lookedAtMs: number;
}

/** Neither follows a link that has taken the file's place, nor waits for who writes to a pipe. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A file that may change while it is read. */
export class SourceFile {
  readonly descriptor: number;
  /** How often it was looked at from its beginning. */
  looks = 0;
  readonly #path: string;
  #stats: Stats;

  /** @throws Error of the file system; also where it is no file any more */
  constructor(root: string, path: string) {
    this.#path = path;
    this.descriptor = openSync(`${root}/${path}`, FLAGS);
    this.#stats = fstatSync(this.descriptor);
    if (this.#stats.isFile()) return;
    this.close();
    throw Object.assign(new Error(`${path} is no file any more`), { code: "ENOENT" });
  }

  look(): Snapshot {
    this.#stats = fstatSync(this.descriptor);
    this.looks += 1;
    return this.snapshot;
  }

  get snapshot(): Snapshot {
    const stats = this.#stats;
    return {
      entry: fileEntry(this.#path, stats),
      fingerprint: { changedAtMs: stats.ctimeMs, inode: stats.ino },
      lookedAtMs: Date.now(),
    };
  }

  /** Whether it is as when it was looked at last. */
  isUnchanged(): boolean {
    const { size, mtimeMs, ctimeMs } = fstatSync(this.descriptor);
    const then = this.#stats;
    return size === then.size && mtimeMs === then.mtimeMs && ctimeMs === then.ctimeMs;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

/** Fills a buffer from a place in a file on. @returns how much there was */
export function readWhole(descriptor: number, into: Uint8Array, from: number): number {
  let done = 0;
  while (done < into.length) {
    const read = readSync(descriptor, into, done, into.length - done, from + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}
