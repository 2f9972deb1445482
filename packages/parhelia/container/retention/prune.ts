import { execFileSync } from "node:child_process";
import { renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { VOLUME_ROOT } from "../../src/volume/layout.ts";
import { PARTIAL_SUFFIX, checkpointTime } from "../protocol/checkpoint.ts";
import type {
  PruneItem,
  PruneResult,
  PruneTask,
  VolumeUsageResult,
  VolumeUsageTask,
} from "../protocol/retention.ts";
import { findDamage } from "../checkpoint/history.ts";
import { checkpointPlaces } from "../checkpoint/places.ts";
import type { ListedSession } from "./listing.ts";
import { measureVolume } from "./measure.ts";
import { planPrune, type PrunePlan } from "./plan-prune.ts";
import { usageOf } from "./usage.ts";

/** The batch task `volume-usage`. */
export function volumeUsage(
  { task }: VolumeUsageTask,
  root: string = VOLUME_ROOT,
): Promise<VolumeUsageResult> {
  return Promise.resolve({ task, ok: true, ...usageOf(measureVolume(root), Date.now()) });
}

/**
 * The batch task `prune`: removes what the policy does not keep, and commits that on the volume. Of what cannot
 * be removed the result says why; the rest goes. It can be run again at any time.
 */
export function prune(pruneTask: PruneTask, root: string = VOLUME_ROOT): Promise<PruneResult> {
  const { task, policy, dryRun } = pruneTask;
  const plan = planChecked(pruneTask, root);
  const removed: PruneItem[] = [];
  const failures: PruneResult["failures"][number][] = [];
  for (const item of plan.items) {
    try {
      if (!dryRun) remove(join(root, item.path));
      removed.push(item);
    } catch (error) {
      failures.push({
        path: item.path,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
  if (!dryRun && removed.length > 0) execFileSync("sync", [root]);
  const { maxCheckpointBytes = Infinity } = policy;
  return Promise.resolve({
    task,
    ok: failures.length === 0,
    dryRun,
    removed,
    freedBytes: removed.reduce((total, { bytes }) => total + bytes, 0),
    checkpointBytes: plan.checkpointBytes,
    overCeilingBytes: Math.max(0, plan.checkpointBytes - maxCheckpointBytes),
    failures,
  });
}

/**
 * The plan, made so that of each session that loses something the checkpoint that stays was read and is what was
 * written: until then only sizes are known.
 */
function planChecked({ policy, running }: PruneTask, root: string): PrunePlan {
  const nowMs = Date.now();
  const checked = new Set<string | null>([null]);
  let listing = measureVolume(root);
  for (;;) {
    const plan = planPrune(listing, policy, nowMs, running);
    const unchecked = plan.items.map(({ session }) => session).filter((name) => !checked.has(name));
    if (unchecked.length === 0) return plan;
    const sessions = listing.sessions.map((session) =>
      unchecked.includes(session.name) ? checkNewest(session, root) : session,
    );
    listing = { ...listing, sessions };
    for (const name of unchecked) checked.add(name);
  }
}

/** Reads the checkpoints of a session, newest first, until one is what was written. */
function checkNewest(session: ListedSession, root: string): ListedSession {
  const places = checkpointPlaces(root, session.name);
  let found = session.removed;
  const checkpoints = session.checkpoints.map((checkpoint) => {
    if (found || checkpoint.damaged) return checkpoint;
    found = findDamage(places, checkpoint.id) === null;
    return { ...checkpoint, damaged: !found };
  });
  return { ...session, checkpoints };
}

/** A checkpoint is first given the name of one that is not complete, and a session loses its mark last. */
function remove(path: string): void {
  const isCheckpoint = checkpointTime(basename(path)) !== undefined;
  const doomed = isCheckpoint ? `${path}${PARTIAL_SUFFIX}` : path;
  if (isCheckpoint) renameSync(path, doomed);
  rmSync(join(doomed, "history"), { recursive: true, force: true });
  rmSync(doomed, { recursive: true, force: true });
}
