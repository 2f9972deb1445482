/**
 * What the host and the sandbox agree on about the volume's growth (open question 1 of the specification): the
 * rules of retention, what the volume holds, and what was removed. Plain data.
 */

/** What is kept, as `[retention]` of `parhelia.toml` says. The rules never touch what a session may still need. */
export interface RetentionPolicy {
  /** Of each session, so many of the newest checkpoints. */
  readonly keepLast: number;
  /** Beyond those, the newest of each of so many hours, and days, that have one. */
  readonly keepHourly: number;
  readonly keepDaily: number;
  /** Older checkpoints go, but a session's last one. */
  readonly checkpointMaxAgeMs: number;
  /** Above this size of all checkpoints, the oldest go, but each session's last one. Undefined: no ceiling. */
  readonly maxCheckpointBytes?: number | undefined;
  /** Workspaces that nobody used for so long go, where a checkpoint has their content. */
  readonly workspaceUnusedMs: number;
}

/** The parts of the volume that are measured apart. */
export const VOLUME_KINDS = ["config", "plugins", "checkpoints", "workspaces", "other"] as const;

export type VolumeKind = (typeof VOLUME_KINDS)[number];

/** What one session holds. Sizes are of content; a file with several names counts once. */
export interface SessionUsage {
  readonly name: string;
  /** It was `rm`'d: its checkpoints go with the next prune. */
  readonly removed: boolean;
  readonly checkpoints: number;
  readonly checkpointBytes: number;
  /** Of its working trees. */
  readonly workspaceBytes: number;
  /** ISO 8601; null where it has no checkpoint. */
  readonly lastCheckpointAt: string | null;
  /** What the checkpoints of the last 7 days added that is still there, a day. */
  readonly growthBytesPerDay: number;
}

/** What one project holds. */
export interface ProjectUsage {
  /** Its directory below `workspaces/`. */
  readonly project: string;
  /** What its sessions share: the store that syncs fill. */
  readonly sharedBytes: number;
  readonly treeBytes: number;
  /** The sessions that have a tree of it. */
  readonly sessions: readonly string[];
  /** ISO 8601: the newest change. */
  readonly usedAt: string;
}

/** `parhelia volume usage`. */
export interface VolumeUsage {
  readonly bytes: number;
  readonly kinds: Readonly<Record<VolumeKind, number>>;
  readonly growthBytesPerDay: number;
  readonly sessions: readonly SessionUsage[];
  readonly projects: readonly ProjectUsage[];
}

/** Why something is removed. */
export type PruneReason =
  | "session removed"
  | "unfinished"
  | "damaged"
  | "thinned"
  | "too old"
  | "over the ceiling"
  | "unused";

/** One thing that a prune removes. */
export interface PruneItem {
  /** From the volume's root. */
  readonly path: string;
  readonly reason: PruneReason;
  /** Whose it is; null for what sessions shared. */
  readonly session: string | null;
  /** What its removal frees, together with that of the items before it. */
  readonly bytes: number;
}

/** Measures the volume. */
export interface VolumeUsageTask {
  readonly task: "volume-usage";
}

export interface VolumeUsageResult extends VolumeUsage {
  readonly task: "volume-usage";
  readonly ok: true;
}

/** Removes what the policy does not keep. */
export interface PruneTask {
  readonly task: "prune";
  readonly policy: RetentionPolicy;
  /** Names of the sessions that run: nothing of theirs is touched. */
  readonly running: readonly string[];
  /** Only says what would be removed. */
  readonly dryRun: boolean;
}

/** What `prune` removed, or would. */
export interface PruneResult {
  readonly task: "prune";
  /** Whether everything could be removed. */
  readonly ok: boolean;
  readonly dryRun: boolean;
  readonly removed: readonly PruneItem[];
  readonly freedBytes: number;
  /** Of all checkpoints, afterwards. */
  readonly checkpointBytes: number;
  /** How much they are still above the ceiling, which never takes a session's last checkpoint. */
  readonly overCeilingBytes: number;
  readonly failures: readonly { readonly path: string; readonly error: string }[];
}
