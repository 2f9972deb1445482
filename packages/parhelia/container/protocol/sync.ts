/**
 * What the host and the sandbox say to one another in a sync. The host sends, to the standard input of
 * `parhelia-container apply-sync`, one line of JSON (`SyncHeader`) and then the contents of the files that
 * the header names, one behind the other, without anything between them: their sizes are in the manifest.
 * All of it travels in pieces (`SYNC_PIECE`). The end of input is the order to commit. The answer is one line
 * of JSON (`SyncOutcome`) on standard output.
 */

/** A piece is its kind (1 byte), the length of what follows (4 bytes, big-endian), and that. */
export const SYNC_PIECE = { plain: 0, zstd: 1 } as const;

export const SYNC_PIECE_HEADER_BYTES = 5;

/** What a piece holds, decompressed, at most. */
export const SYNC_PIECE_BYTES = 1024 * 1024;

/** A file as the manifest has it. */
export interface ManifestFile {
  /** Hexadecimal. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** 0o644 or 0o755. */
  readonly mode: number;
}

/**
 * What the last sync brought to the volume. It lies at `SYNC_MANIFEST_FILE`, and is written last: with it
 * a sync is over.
 */
export interface SyncManifest {
  readonly version: 1;
  /** Over the whole table of files: equal digests mean equal files. */
  readonly digest: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** By path from the volume's root: `config/claude/…` or `plugins/…`. */
  readonly files: Readonly<Record<string, ManifestFile>>;
}

/** A manifest as it lies on a volume; undefined for one that is none, or of another version. */
export function parseManifest(text: string): SyncManifest | undefined {
  try {
    const manifest = JSON.parse(text) as SyncManifest;
    return (manifest.version as number) === 1 ? manifest : undefined;
  } catch {
    return undefined;
  }
}

export interface SyncHeader {
  readonly manifest: SyncManifest;
  /** Digest of the manifest that the host compared with; null where the volume had none. */
  readonly base: string | null;
  /** The files whose contents follow, in their order. Every other file of the manifest is unchanged. */
  readonly sent: readonly string[];
  /** Replace also files that were edited on the volume. */
  readonly overwriteEdited: boolean;
}

/**
 * `committed` the volume has the new files; `stale` the volume has another manifest than the one that the
 * host compared with, and `incomplete` it lacks files that should be unchanged: nothing was done, and the
 * host may try again; `corrupt` a file's content is not what the manifest says, and nothing was done.
 */
export type SyncOutcome =
  | {
      readonly outcome: "committed";
      readonly removedFiles: number;
      /** Edited on the volume, and therefore kept as they are there. */
      readonly keptEdited: readonly string[];
    }
  | { readonly outcome: "stale" | "incomplete" }
  | { readonly outcome: "corrupt"; readonly path: string };

/** Without input for this long, the other side is taken to be gone: the slowest uplink takes less for a piece. */
export const SYNC_SILENCE_MS = 30_000;

/** What `parhelia-container assemble-session` prints. */
export interface AssembledSession {
  /** Claude Codes that run in the session: they go on with what they read when they started. */
  readonly runningClaudes: number;
}
