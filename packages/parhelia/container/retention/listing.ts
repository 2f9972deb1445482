/** What of the volume the rules of retention look at: plain data, so that they can be tried without a volume. */
import type { VolumeKind } from "../protocol/retention.ts";

/** A file's content: several names of one file have the same `id`. */
export interface StoredFile {
  readonly id: string;
  readonly bytes: number;
}

/** A checkpoint of a session, committed. */
export interface ListedCheckpoint {
  readonly id: string;
  readonly takenAtMs: number;
  readonly files: readonly StoredFile[];
  readonly damaged: boolean;
}

/** What a writer left behind that did not get to its end. */
export interface ListedLeftover {
  readonly name: string;
  readonly bytes: number;
  readonly changedAtMs: number;
}

/** The checkpoints of a session. */
export interface ListedSession {
  readonly name: string;
  /** It was `rm`'d. */
  readonly removed: boolean;
  /** The checkpoint that `latest` leads to. */
  readonly latest: string | undefined;
  /** Newest first. */
  readonly checkpoints: readonly ListedCheckpoint[];
  readonly leftovers: readonly ListedLeftover[];
}

/** A session's working tree. */
export interface ListedTree {
  /** From the volume's root. */
  readonly path: string;
  readonly session: string;
  /** The project's directory below `workspaces/`; undefined for a session without one. */
  readonly project: string | undefined;
  /** It was moved aside when a checkpoint was restored in its place. */
  readonly movedAside: boolean;
  readonly bytes: number;
  readonly changedAtMs: number;
}

/** A project, without its trees. */
export interface ListedProject {
  /** Its directory below `workspaces/`. */
  readonly name: string;
  readonly bytes: number;
  readonly changedAtMs: number;
}

export interface VolumeListing {
  readonly kinds: Readonly<Record<VolumeKind, number>>;
  readonly sessions: readonly ListedSession[];
  readonly trees: readonly ListedTree[];
  readonly projects: readonly ListedProject[];
}
