import type { Project } from "./workspace.ts";

/**
 * What a session's sandbox was made with: `PARHELIA_SANDBOX` of it, and part of its checkpoints, so that
 * `parhelia resume` can make another one like it.
 */
export interface SandboxParameters {
  readonly variant: string;
  /** GPU type and count; null: none. */
  readonly gpu: string | null;
  /** Cores, MiB. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly cpuLimit: number | null;
  readonly memoryLimitMiB: number | null;
  readonly timeoutMs: number;
  /** Empty: any. */
  readonly regions: readonly string[];
  readonly volume: string;
  /** What the session works on; null: no project. */
  readonly project: Project | null;
}
