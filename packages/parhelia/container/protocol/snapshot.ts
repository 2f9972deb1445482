/** Set in a sandbox that was made from a filesystem snapshot (SPEC-01.15 (3)). */
export const FROM_SNAPSHOT_VARIABLE = "PARHELIA_FROM_SNAPSHOT";

/** A session's filesystem snapshot: `snapshot.json` beside its checkpoints. There is no list of them on Modal. */
export interface SnapshotRecord {
  readonly imageId: string;
  /** ISO 8601. */
  readonly takenAt: string;
  readonly expiresAt: string;
  /** Of the sandbox. */
  readonly variant: string;
  /** Identifier of the published image that the sandbox, or the first one before it, was made from. */
  readonly publishedImage: string;
}
