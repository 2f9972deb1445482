/**
 * Batch work on the volume (decision D10; the specification's `run_batch_task`). A task is JSON, as argument
 * or on standard input of `parhelia-container batch`; its result is one line of JSON on standard output.
 */

import type { HealthResult, HealthTask, MetricsResult, MetricsTask } from "./health.ts";
import type { PruneResult, PruneTask, VolumeUsageResult, VolumeUsageTask } from "./retention.ts";

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

/** Each task, by its name, with what comes of it. */
export interface BatchWork {
  readonly "plugin-sync": { readonly task: PluginSyncTask; readonly result: PluginSyncResult };
  readonly health: { readonly task: HealthTask; readonly result: HealthResult };
  readonly metrics: { readonly task: MetricsTask; readonly result: MetricsResult };
  readonly prune: { readonly task: PruneTask; readonly result: PruneResult };
  readonly "volume-usage": { readonly task: VolumeUsageTask; readonly result: VolumeUsageResult };
}

export type BatchTask = BatchWork[keyof BatchWork]["task"];

/** The result of a task. */
export type BatchResult<Task extends BatchTask = BatchTask> = BatchWork[Task["task"]]["result"];

/** How long a batch task may take, as the specification has it. */
export const BATCH_TIMEOUT_MS = 300_000;

/** The Function that runs batch tasks, for those who use the default volume (SPEC-01, `run_batch_task`). */
export const BATCH_FUNCTION = "run_batch_task";
