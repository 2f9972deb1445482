/**
 * Batch work on the volume (decision D10; the specification's `run_batch_task`). A task is JSON, as argument
 * or on standard input of `parhelia-container batch`; its result is one line of JSON on standard output.
 */

/** A git repository that plugins come from. */
export interface BatchPluginSource {
  readonly name: string;
  readonly repository: string;
  /** The directory of the repository that is wanted; undefined: all of it. */
  readonly subdirectory?: string | undefined;
  readonly commit: string;
  /** Where it lies on the volume: absolute, or from the volume's root. */
  readonly path: string;
}

/** Clones plugins on the volume, or brings them to another commit. */
export interface PluginSyncTask {
  readonly task: "plugin-sync";
  /** Replaces the list that the volume has. Undefined: the volume's. */
  readonly sources?: readonly BatchPluginSource[];
}

/** What became of one source. When it failed, what was there before is there still. */
export type PluginSyncOutcome =
  | {
      readonly name: string;
      readonly commit: string;
      readonly outcome: "cloned" | "updated" | "unchanged";
    }
  | {
      readonly name: string;
      readonly commit: string;
      readonly outcome: "failed";
      readonly error: string;
    };

export interface PluginSyncResult {
  readonly task: "plugin-sync";
  /** Whether no source failed. */
  readonly ok: boolean;
  readonly plugins: readonly PluginSyncOutcome[];
}

export type BatchTask = PluginSyncTask;

export type BatchResult = PluginSyncResult;

/** How long a batch task may take, as the specification has it. */
export const BATCH_TIMEOUT_MS = 300_000;
