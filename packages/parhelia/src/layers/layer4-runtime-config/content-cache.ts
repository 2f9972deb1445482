import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import type { Stats } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { SECOND_MS } from "../../units.ts";
import type { PathFinder } from "./path-map.ts";
import { findSecret } from "./secrets.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** What a sync has to know of a file's content. */
export interface Content {
  /** Hexadecimal. */
  readonly sha256: string;
  /** The kind of secret that it seems to hold; undefined for none. */
  readonly secret: string | undefined;
  /** It is text that names one of the directories that are elsewhere in the sandbox. */
  readonly namesPaths: boolean;
}

/** One file as it was when it was read: size, modification, change of metadata, inode; then its content. */
type Entry = readonly [
  size: number,
  mtimeMs: number,
  ctimeMs: number,
  inode: number,
  sha256: string,
  secret: string | null,
  namesPaths: 0 | 1,
];

interface CacheFile {
  /** All that decides what is stored besides the files: a change empties the cache. */
  readonly key: string;
  readonly entries: Readonly<Record<string, Entry>>;
}

/** Raised whenever the search for secrets changes. */
const SCAN_VERSION = 1;

/** A file that changed this shortly before it was read may change again unseen: clocks of file systems tick. */
const FINE_CLOCK_MS = 50;
const COARSE_CLOCK_MS = 2 * SECOND_MS;

/** Beginning of a file in which a zero byte means that it is no text. */
const TEXT_PROBE_BYTES = 8_192;

/**
 * Hashes and findings of files, kept in the user's cache directory, so that a file whose size, times and
 * inode are the same is not read again. Losing the cache costs time only.
 */
export class ContentCache {
  readonly #file: string;
  readonly #key: string;
  readonly #finder: PathFinder;
  readonly #old: Readonly<Record<string, Entry>>;
  readonly #new: Record<string, Entry> = {};
  #changed = false;

  /**
   * @param file where the cache is kept
   * @param finder searches texts for paths that are others in the sandbox
   */
  constructor(file: string, finder: PathFinder) {
    this.#file = file;
    this.#finder = finder;
    this.#key = JSON.stringify([SCAN_VERSION, finder.key]);
    this.#old = readEntries(file, this.#key);
  }

  /**
   * @param path absolute path of a regular file
   * @throws Error of the system when it cannot be read
   */
  look(path: string, stats: Stats): Content {
    const known = this.#old[path];
    if (known !== undefined && isSame(known, stats)) {
      this.#new[path] = known;
      return toContent(known);
    }
    const startedMs = Date.now();
    const bytes = readFileSync(path);
    const text = bytes.toString("latin1");
    const entry: Entry = [
      stats.size,
      stats.mtimeMs,
      stats.ctimeMs,
      stats.ino,
      hash("sha256", bytes, "hex"),
      findSecret(text) ?? null,
      this.#namesPaths(bytes) && isText(bytes) ? 1 : 0,
    ];
    const clockMs = stats.ctimeMs % SECOND_MS === 0 ? COARSE_CLOCK_MS : FINE_CLOCK_MS;
    if (stats.ctimeMs < startedMs - clockMs && isSame(entry, statSync(path))) {
      this.#new[path] = entry;
      this.#changed = true;
    }
    return toContent(entry);
  }

  /** Writes the cache when it has changed. Failing to is no reason to fail: the next run reads again. */
  save(): void {
    if (!this.#changed && Object.keys(this.#old).length === Object.keys(this.#new).length) return;
    const content: CacheFile = { key: this.#key, entries: this.#new };
    const temporary = `${this.#file}.${process.pid}`;
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, JSON.stringify(content), { mode: 0o600 });
      renameSync(temporary, this.#file);
    } catch {
      // A cache directory that cannot be written only costs time.
    }
  }

  #namesPaths(bytes: Buffer): boolean {
    const { marks } = this.#finder;
    return marks.some((mark) => bytes.includes(mark)) && this.#finder.isIn(bytes.toString("utf8"));
  }
}

/** One cache for each configuration: `$XDG_CACHE_HOME/parhelia/sync/….json`. */
export function contentCacheFile(env: NodeJS.ProcessEnv, user: UserConfiguration): string {
  const directory = env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache");
  const name = hash("sha256", JSON.stringify([user.home, user.configDir]), "hex").slice(0, 16);
  return join(directory, "parhelia", "sync", `${name}.json`);
}

function readEntries(file: string, key: string): Readonly<Record<string, Entry>> {
  try {
    const content = JSON.parse(readFileSync(file, "utf8")) as CacheFile;
    return content.key === key ? content.entries : {};
  } catch {
    return {};
  }
}

function isSame([size, mtimeMs, ctimeMs, inode]: Entry, stats: Stats): boolean {
  return (
    size === stats.size &&
    mtimeMs === stats.mtimeMs &&
    ctimeMs === stats.ctimeMs &&
    inode === stats.ino
  );
}

function toContent([, , , , sha256, secret, namesPaths]: Entry): Content {
  return { sha256, secret: secret ?? undefined, namesPaths: namesPaths === 1 };
}

/** What is no UTF-8 could not be written again as it was. */
function isText(bytes: Buffer): boolean {
  return !bytes.subarray(0, TEXT_PROBE_BYTES).includes(0) && isUtf8(bytes);
}
