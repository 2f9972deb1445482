/** What the batch tasks `health` and `metrics` report (SPEC-01, "Sandbox vs Function"). Plain data. */
import type { McpReport } from "./mcp-report.ts";
import type { CheckpointReason } from "./checkpoint.ts";

/** Looks whether what sessions need is there. */
export interface HealthTask {
  readonly task: "health";
  /** Environment variables that should be set: those of the configured secrets. Default: none. */
  readonly variables?: readonly string[];
}

/** A mounted file system. */
export interface MountHealth {
  readonly path: string;
  readonly mounted: boolean;
  /** Null where nothing is mounted. */
  readonly fileSystem: string | null;
  readonly writable: boolean;
}

export interface DiskHealth {
  readonly path: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** The programs whose versions are reported. */
export const HEALTH_PROGRAMS = ["claude", "bun", "git", "tmux", "python3"] as const;

export interface HealthResult {
  readonly task: "health";
  /** Whether there is no problem. */
  readonly ok: boolean;
  /** One sentence each. */
  readonly problems: readonly string[];
  readonly mounts: readonly MountHealth[];
  readonly disks: readonly DiskHealth[];
  /** Null: the program does not start. */
  readonly versions: Readonly<Record<(typeof HEALTH_PROGRAMS)[number], string | null>>;
  /** By name, never by value. */
  readonly variables: readonly { readonly name: string; readonly present: boolean }[];
  /** Every configured server, asked now; null where the launcher did not report. */
  readonly mcp: McpReport | null;
}

/** Collects what a dashboard is made from. */
export interface MetricsTask {
  readonly task: "metrics";
}

/** The parts of the volume that are measured apart. */
export const MEASURED_PARTS = ["config", "plugins", "checkpoints", "workspaces"] as const;

/** A committed checkpoint, by its own account. */
export interface CheckpointMetrics {
  readonly session: string;
  readonly id: string;
  readonly ageSeconds: number;
  readonly reason: CheckpointReason | null;
  /** Of all its files, those that it shares with others included. */
  readonly bytes: number;
  readonly conversations: number;
  /** A file is missing or has another size; contents are not read for this. */
  readonly damaged: boolean;
  readonly isLatest: boolean;
}

export interface MetricsResult {
  readonly task: "metrics";
  readonly ok: true;
  /** ISO 8601. */
  readonly collectedAt: string;
  /** What each part of the volume holds, in bytes; a file with several names counts once. */
  readonly bytes: Readonly<Record<(typeof MEASURED_PARTS)[number], number>>;
  /** By session, newest first. */
  readonly checkpoints: readonly CheckpointMetrics[];
}
