import { checkpointTime } from "../../container/protocol/checkpoint.ts";
import { SystemError, UserError } from "../errors.ts";
import { parseDuration } from "../units.ts";
import type { StoredCheckpoint, StoredSession } from "./stored-checkpoints.ts";

/**
 * The checkpoint that a session goes on from: the newest one, or the newest that is not younger than `at`.
 *
 * @param at an id, an ISO 8601 time, or `10m ago`
 * @throws UserError when there is none, or `at` is no time
 * @throws SystemError when it is damaged, naming the newest good one before it
 */
export function chooseCheckpoint(
  session: string,
  { checkpoints, isRemoved }: StoredSession,
  at: string | undefined,
): StoredCheckpoint {
  const notAfter = at === undefined ? undefined : parseTime(at);
  if (isRemoved && at === undefined) throw removedSession(session, checkpoints);
  const chosen = checkpoints.find(
    ({ createdAt }) => notAfter === undefined || createdAt.getTime() <= notAfter.getTime(),
  );
  if (chosen === undefined) throw noCheckpoint(session, checkpoints, notAfter);
  if (chosen.damage !== undefined) {
    throw damagedCheckpoint(session, checkpoints, chosen.id, chosen.damage);
  }
  return chosen;
}

/** A checkpoint that cannot be used, and the one that can. */
export function damagedCheckpoint(
  session: string,
  checkpoints: readonly StoredCheckpoint[],
  id: string,
  damage: string,
): SystemError {
  const earlier = checkpoints.find((other) => other.id < id && other.damage === undefined);
  return new SystemError(`the checkpoint ${id} of ${session} is damaged: ${damage}`, {
    hint:
      earlier === undefined
        ? `there is no earlier one that is not; parhelia up ${session} --new starts afresh`
        : `the newest good one before it: parhelia resume ${session} --at ${earlier.id}`,
  });
}

function noCheckpoint(
  session: string,
  checkpoints: readonly StoredCheckpoint[],
  notAfter: Date | undefined,
): UserError {
  const oldest = checkpoints.at(-1);
  if (oldest === undefined || notAfter === undefined) {
    return new UserError(`${session} has no checkpoint`, {
      hint: `parhelia up ${session} starts it`,
    });
  }
  return new UserError(`${session} has no checkpoint of ${notAfter.toISOString()} or before`, {
    hint: `the oldest one: parhelia resume ${session} --at ${oldest.id}`,
  });
}

function removedSession(session: string, checkpoints: readonly StoredCheckpoint[]): UserError {
  const last = checkpoints.find(({ damage }) => damage === undefined);
  return new UserError(`${session} was removed`, {
    hint:
      last === undefined
        ? `parhelia up ${session} starts a new one`
        : `until it is pruned, parhelia resume ${session} --at ${last.id} brings it back`,
  });
}

/** @throws UserError for what is no time */
export function parseTime(text: string, now: Date = new Date()): Date {
  const ago = /^(.+?) *ago$/.exec(text)?.[1];
  const agoMs = ago === undefined ? undefined : parseDuration(ago);
  if (agoMs !== undefined) return new Date(now.getTime() - agoMs);
  const isIso = /^\d{4}-\d\d-\d\d/.test(text);
  const time = checkpointTime(text) ?? (isIso ? new Date(text) : undefined);
  if (time !== undefined && !Number.isNaN(time.getTime())) return time;
  throw new UserError(`--at: ${JSON.stringify(text)} is no time`, {
    hint: `write an id of parhelia checkpoint ls, a time such as 2026-11-25T21:15Z, or "10m ago"`,
  });
}
