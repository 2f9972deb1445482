import {
  WORKSPACES_DIR,
  checkpointDir,
  checkpointHistoryDir,
  pathInVolume,
} from "../../src/volume/layout.ts";
import type { PruneItem, PruneReason, RetentionPolicy } from "../protocol/retention.ts";
import type { ListedCheckpoint, ListedSession, ListedTree, VolumeListing } from "./listing.ts";
import { StoredBytes } from "./stored-bytes.ts";

const HOUR_MS = 3_600_000;

/** What is younger may be written just now. */
const LEFTOVER_MIN_AGE_MS = HOUR_MS;

/** What is to be removed, in this order, and how large the checkpoints are then. */
export interface PrunePlan {
  readonly items: readonly PruneItem[];
  readonly checkpointBytes: number;
}

/**
 * The rules of retention. Nothing of a running session is in the plan; of a session that was not `rm`'d neither
 * its newest checkpoint that is whole nor the one that `latest` leads to; and no working tree whose content no
 * checkpoint has, unless its session was `rm`'d.
 */
export function planPrune(
  listing: VolumeListing,
  policy: RetentionPolicy,
  nowMs: number,
  running: readonly string[],
): PrunePlan {
  const atRest = listing.sessions.filter(({ name }) => !running.includes(name));
  const stored = new StoredBytes(listing.sessions.flatMap(({ checkpoints }) => checkpoints));
  const trees = unusedTrees(listing, policy, nowMs, running);
  const items = [...trees.map(treeItem), ...unusedProjects(listing, trees, policy, nowMs)];
  const left = listing.trees.filter((tree) => !trees.includes(tree));
  for (const session of atRest.filter(({ removed }) => removed)) {
    const hasTree = left.some((tree) => tree.session === session.name);
    const isBare = session.checkpoints.length + session.leftovers.length === 0;
    if (!hasTree || !isBare) items.push(removedSessionItem(session, hasTree, stored));
  }
  const kept = atRest.filter(({ removed }) => !removed);
  items.push(...kept.flatMap((session) => oldLeftovers(session, nowMs)));
  const goners = new Map<ListedCheckpoint, PruneItem>();
  for (const session of kept) {
    for (const [checkpoint, reason] of outdated(session, policy, nowMs)) {
      goners.set(checkpoint, checkpointItem(session, checkpoint, reason, stored));
    }
  }
  const { maxCheckpointBytes = Infinity } = policy;
  for (const [session, checkpoint] of oldestFirst(kept)) {
    if (stored.total <= maxCheckpointBytes) break;
    if (goners.has(checkpoint) || isProtected(session, checkpoint)) continue;
    goners.set(checkpoint, checkpointItem(session, checkpoint, "over the ceiling", stored));
  }
  return { items: [...items, ...goners.values()], checkpointBytes: stored.total };
}

function unusedTrees(
  { sessions, trees }: VolumeListing,
  { workspaceUnusedMs }: RetentionPolicy,
  nowMs: number,
  running: readonly string[],
): ListedTree[] {
  return trees.filter((tree) => {
    if (running.includes(tree.session)) return false;
    const session = sessions.find(({ name }) => name === tree.session);
    const newest = session?.checkpoints[0]?.takenAtMs ?? 0;
    const usedAtMs = tree.movedAside ? tree.changedAtMs : Math.max(tree.changedAtMs, newest);
    const isSafe =
      tree.movedAside ||
      session?.removed === true ||
      session?.checkpoints.some(({ damaged }) => !damaged) === true;
    return isSafe && nowMs - usedAtMs > workspaceUnusedMs;
  });
}

function treeItem({ path, session, bytes }: ListedTree): PruneItem {
  return { path, reason: "unused", session, bytes };
}

/** Projects of which no tree stays: what their sessions shared goes, too. */
function unusedProjects(
  { projects, trees }: VolumeListing,
  unused: readonly ListedTree[],
  { workspaceUnusedMs }: RetentionPolicy,
  nowMs: number,
): PruneItem[] {
  const staying = trees.filter((tree) => !unused.includes(tree));
  return projects
    .filter(({ name }) => staying.every(({ project }) => project !== name))
    .filter(({ changedAtMs }) => nowMs - changedAtMs > workspaceUnusedMs)
    .map(({ name, bytes }) => ({
      path: `${pathInVolume(WORKSPACES_DIR)}/${name}`,
      reason: "unused",
      session: null,
      bytes,
    }));
}

/** The mark that it was removed stays as long as a tree of it, which goes only for that mark. */
function removedSessionItem(
  session: ListedSession,
  hasTree: boolean,
  stored: StoredBytes,
): PruneItem {
  const { name, checkpoints, leftovers } = session;
  const bytes = [...checkpoints.map((checkpoint) => stored.remove(checkpoint))];
  const path = hasTree ? checkpointHistoryDir(name) : checkpointDir(name);
  return {
    path: pathInVolume(path),
    reason: "session removed",
    session: name,
    bytes: sum([...bytes, ...leftovers.map((leftover) => leftover.bytes)]),
  };
}

function oldLeftovers({ name, leftovers }: ListedSession, nowMs: number): PruneItem[] {
  return leftovers
    .filter(({ changedAtMs }) => nowMs - changedAtMs > LEFTOVER_MIN_AGE_MS)
    .map((leftover) => ({
      path: `${pathInVolume(checkpointHistoryDir(name))}/${leftover.name}`,
      reason: "unfinished",
      session: name,
      bytes: leftover.bytes,
    }));
}

function checkpointItem(
  { name }: ListedSession,
  checkpoint: ListedCheckpoint,
  reason: PruneReason,
  stored: StoredBytes,
): PruneItem {
  const path = `${pathInVolume(checkpointHistoryDir(name))}/${checkpoint.id}`;
  return { path, reason, session: name, bytes: stored.remove(checkpoint) };
}

/** The checkpoints of a session that no rule keeps, and why each goes. */
function outdated(
  session: ListedSession,
  policy: RetentionPolicy,
  nowMs: number,
): [ListedCheckpoint, PruneReason][] {
  const whole = session.checkpoints.filter(({ damaged }) => !damaged);
  const kept = keptByCount(whole.length > 0 ? whole : session.checkpoints, policy);
  return session.checkpoints.flatMap((checkpoint) => {
    const reason = reasonToGo(checkpoint, whole[0], kept, nowMs - policy.checkpointMaxAgeMs);
    const goes = reason !== undefined && !isProtected(session, checkpoint);
    return goes ? [[checkpoint, reason] as [ListedCheckpoint, PruneReason]] : [];
  });
}

/** Damaged ones that are newer than all that is whole stay a while: they may have what nothing else has. */
function reasonToGo(
  checkpoint: ListedCheckpoint,
  newestWhole: ListedCheckpoint | undefined,
  kept: ReadonlySet<ListedCheckpoint>,
  oldestMs: number,
): PruneReason | undefined {
  const isNewest = newestWhole === undefined || checkpoint.takenAtMs > newestWhole.takenAtMs;
  if (checkpoint.damaged && !isNewest) return "damaged";
  if (checkpoint.takenAtMs < oldestMs) return "too old";
  return kept.has(checkpoint) || checkpoint.damaged ? undefined : "thinned";
}

function isProtected({ checkpoints, latest }: ListedSession, { id }: ListedCheckpoint): boolean {
  const last = checkpoints.find(({ damaged }) => !damaged) ?? checkpoints[0];
  return id === last?.id || id === latest;
}

/** The newest ones, and the newest of each hour and day, as far as the policy goes. */
function keptByCount(
  newestFirst: readonly ListedCheckpoint[],
  { keepLast, keepHourly, keepDaily }: RetentionPolicy,
): Set<ListedCheckpoint> {
  return new Set([
    ...newestFirst.slice(0, keepLast),
    ...newestOfEach(HOUR_MS, newestFirst).slice(0, keepHourly),
    ...newestOfEach(24 * HOUR_MS, newestFirst).slice(0, keepDaily),
  ]);
}

/** Hours and days are those of UTC. */
function newestOfEach(
  periodMs: number,
  newestFirst: readonly ListedCheckpoint[],
): ListedCheckpoint[] {
  const period = ({ takenAtMs }: ListedCheckpoint) => Math.floor(takenAtMs / periodMs);
  return newestFirst.filter((checkpoint, index) => {
    const newer = newestFirst[index - 1];
    return newer === undefined || period(newer) !== period(checkpoint);
  });
}

function oldestFirst(sessions: readonly ListedSession[]): [ListedSession, ListedCheckpoint][] {
  return sessions
    .flatMap((session) =>
      session.checkpoints.map(
        (checkpoint) => [session, checkpoint] as [ListedSession, ListedCheckpoint],
      ),
    )
    .sort(([, one], [, other]) => one.takenAtMs - other.takenAtMs);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
