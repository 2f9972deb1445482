import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SyncManifest } from "../protocol/sync.ts";
import { pathInVolume, SYNC_DIR } from "../../src/volume/layout.ts";

/** How the directories of syncs that are not committed are named: `stage-1764000000000-0f3a`. */
export const STAGE_NAME = /^stage-(\d+)-/;

/** Names inside a stage. */
export const STAGED_TREE = "tree";
export const STAGED_MANIFEST = "manifest.json";
export const STAGED_ORDERS = "orders.json";

/** What a commit does besides moving the staged files. */
export interface CommitOrders {
  /** The manifest's. */
  readonly digest: string;
  /** Files that go, by their path from the volume's root. */
  readonly removals: readonly string[];
}

/** The directory of the volume where syncs keep what is theirs. */
export function syncDirectory(volume: string): string {
  return join(volume, pathInVolume(SYNC_DIR));
}

/**
 * What a sync brings, beside what is in use: the new and changed files in a tree of their own, that nobody
 * looks at before it is committed.
 */
export class Stage {
  readonly directory: string;
  readonly #made = new Set<string>();

  /** @param volume where the volume is mounted */
  constructor(volume: string) {
    const name = `stage-${Date.now()}-${crypto.randomUUID().slice(0, 8)}`;
    this.directory = join(syncDirectory(volume), name);
    mkdirSync(join(this.directory, STAGED_TREE), { recursive: true });
  }

  /** Where a file is staged. */
  pathOf(path: string): string {
    return join(this.directory, STAGED_TREE, path);
  }

  /** Begins a file. */
  create(path: string, mode: number): StagedFile {
    const staged = this.pathOf(path);
    const parent = dirname(staged);
    if (!this.#made.has(parent)) {
      mkdirSync(parent, { recursive: true });
      this.#made.add(parent);
    }
    const descriptor = openSync(staged, "wx", mode);
    return {
      write: (data) => {
        for (let rest = data; rest.length > 0;) rest = rest.subarray(writeSync(descriptor, rest));
      },
      close: () => {
        closeSync(descriptor);
      },
    };
  }

  /** Writes what the commit needs besides the files. */
  complete(manifest: SyncManifest, removals: readonly string[]): void {
    writeFileSync(join(this.directory, STAGED_MANIFEST), JSON.stringify(manifest));
    const orders: CommitOrders = { digest: manifest.digest, removals };
    writeFileSync(join(this.directory, STAGED_ORDERS), JSON.stringify(orders));
  }
}

export interface StagedFile {
  write(data: Uint8Array): void;
  close(): void;
}
