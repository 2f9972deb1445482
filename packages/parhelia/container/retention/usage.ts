import type { ProjectUsage, SessionUsage, VolumeUsage } from "../protocol/retention.ts";
import type { ListedSession, VolumeListing } from "./listing.ts";
import { StoredBytes } from "./stored-bytes.ts";

const DAY_MS = 24 * 3_600_000;

/** Growth is measured over so many days, or as many as there are; a part of a day counts as one. */
const GROWTH_DAYS = 7;

/** What the volume holds, by kind, session and project, and how fast it grows. */
export function usageOf(listing: VolumeListing, nowMs: number): VolumeUsage {
  const sessions = sessionNames(listing).map((name) => sessionUsage(listing, name, nowMs));
  return {
    bytes: Object.values(listing.kinds).reduce((total, bytes) => total + bytes, 0),
    kinds: listing.kinds,
    growthBytesPerDay: sessions.reduce((total, session) => total + session.growthBytesPerDay, 0),
    sessions,
    projects: listing.projects.map((project) => projectUsage(listing, project)),
  };
}

/** Those with a checkpoint or a tree. */
function sessionNames({ sessions, trees }: VolumeListing): string[] {
  const names = [...sessions.map(({ name }) => name), ...trees.map(({ session }) => session)];
  return [...new Set(names)].sort();
}

function sessionUsage(listing: VolumeListing, name: string, nowMs: number): SessionUsage {
  const session = listing.sessions.find((listed) => listed.name === name);
  const checkpoints = session?.checkpoints ?? [];
  const leftovers = (session?.leftovers ?? []).reduce((total, { bytes }) => total + bytes, 0);
  const newest = checkpoints[0];
  return {
    name,
    removed: session?.removed ?? false,
    checkpoints: checkpoints.length,
    checkpointBytes: new StoredBytes(checkpoints).total + leftovers,
    workspaceBytes: listing.trees
      .filter((tree) => tree.session === name)
      .reduce((total, { bytes }) => total + bytes, 0),
    lastCheckpointAt: newest === undefined ? null : new Date(newest.takenAtMs).toISOString(),
    growthBytesPerDay: session === undefined ? 0 : growthOf(session, nowMs),
  };
}

function growthOf({ checkpoints }: ListedSession, nowMs: number): number {
  const stored = new StoredBytes([]);
  const sinceMs = nowMs - GROWTH_DAYS * DAY_MS;
  let addedBytes = 0;
  for (const checkpoint of checkpoints.toReversed()) {
    const added = stored.add(checkpoint);
    if (checkpoint.takenAtMs > sinceMs) addedBytes += added;
  }
  const ageDays = (nowMs - (checkpoints.at(-1)?.takenAtMs ?? nowMs)) / DAY_MS;
  return Math.round(addedBytes / Math.min(GROWTH_DAYS, Math.max(1, ageDays)));
}

function projectUsage(
  { trees }: VolumeListing,
  { name, bytes, changedAtMs }: VolumeListing["projects"][number],
): ProjectUsage {
  const own = trees.filter(({ project }) => project === name);
  const newestMs = Math.max(changedAtMs, ...own.map((tree) => tree.changedAtMs));
  return {
    project: name,
    sharedBytes: bytes,
    treeBytes: own.reduce((total, tree) => total + tree.bytes, 0),
    sessions: [...new Set(own.map(({ session }) => session))].sort(),
    usedAt: new Date(newestMs).toISOString(),
  };
}
