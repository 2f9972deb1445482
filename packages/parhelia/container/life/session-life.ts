import type { CheckpointReason, CheckpointWindow } from "../protocol/checkpoint.ts";
import type { Ending } from "../init/ending.ts";
import type { Environment } from "../init/session-environment.ts";
import { Checkpoints } from "./checkpoints.ts";
import { watchDeadline } from "./deadline.ts";
import { watchActivity } from "./idle.ts";
import { reopenClaude } from "./reopen-claude.ts";

const DEFAULT_INTERVAL_S = 60;

/** A session at work: what keeps it safe until its sandbox ends. */
export interface SessionLife {
  save(reason: CheckpointReason, options: { final: boolean }): Promise<boolean>;
}

/**
 * Begins to take checkpoints every now and then, and to watch for the sandbox's deadline and for idleness, as
 * the host asked for it by the PARHELIA_… variables.
 * @returns undefined where the sandbox is no session's
 */
export function beginLife(
  {
    environment,
    windows = [],
  }: {
    readonly environment: Environment;
    /** Of the checkpoint that the session goes on from; undefined where it begins. */
    readonly windows: readonly CheckpointWindow[] | undefined;
  },
  ending: Ending,
): SessionLife | undefined {
  const { PARHELIA_SESSION: session, PARHELIA_EXPIRES_AT: expiresAt } = environment;
  if (session === undefined) return undefined;
  void reopenClaude(windows, environment);
  const checkpoints = new Checkpoints(session);
  const intervalS = seconds(environment.PARHELIA_CHECKPOINT_INTERVAL_S) ?? DEFAULT_INTERVAL_S;
  if (intervalS > 0) takeRegularly(checkpoints, intervalS * 1_000);
  const expiresAtMs = Date.parse(expiresAt ?? "");
  if (!Number.isNaN(expiresAtMs)) {
    void watchDeadline({ session, expiresAtMs, environment, checkpoints, ending });
  }
  const idleS = seconds(environment.PARHELIA_IDLE_S) ?? 0;
  watchActivity({ idleMs: idleS > 0 ? idleS * 1_000 : undefined, environment, ending });
  return checkpoints;
}

/** At each tick, unless the one before is still at it: it then has what changed since. */
function takeRegularly(checkpoints: Checkpoints, intervalMs: number): void {
  setInterval(() => {
    if (!checkpoints.isBusy) void checkpoints.save("timer", { final: false });
  }, intervalMs);
}

function seconds(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || text === "" || !(value >= 0) ? undefined : value;
}
