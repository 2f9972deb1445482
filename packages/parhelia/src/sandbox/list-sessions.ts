import type { Config } from "../config/config.ts";
import type { Connection } from "../modal/connection.ts";
import { listSandboxes, type RunningSandbox } from "../modal/sandboxes.ts";
import { EXPIRES_TAG, OWNER_TAG, POOL_TAG, VARIANT_TAG } from "../modal/tags.ts";
import { estimateCost } from "./estimate-cost.ts";
import { isOrphan, thisOwner } from "./orphans.ts";
import { readIdleTime } from "./read-idle-time.ts";

/** A session that runs. */
export interface RunningSession {
  readonly name: string;
  readonly sandboxId: string;
  readonly variant: string;
  readonly ready: boolean;
  readonly createdAt: Date;
  /** When its sandbox ends by itself. */
  readonly expiresAt: Date;
  /** How long nothing has happened in it, as it last saw; null where it is not ready or does not answer. */
  readonly idleMs: number | null;
  /** `USER@HOST` that started it; null where its tags do not say. */
  readonly owner: string | null;
  /** US dollars so far, by the rates of the configuration; 0 on this machine, null where one is not known. */
  readonly estimatedCost: number | null;
  /** Nobody can want it any more: `parhelia rm --orphans` ends it. */
  readonly orphan: boolean;
}

/**
 * What runs in the App, newest first, with what it has cost by the configured rates. Each sandbox is asked how long
 * it has been idle, all at once; one that does not answer is not waited for.
 */
export async function listSessions(
  connection: Connection,
  rates: Config["cost"],
): Promise<RunningSession[]> {
  const app = await connection.client.apps.fromName(connection.appName, { createIfMissing: true });
  const sandboxes = await listSandboxes(connection, app);
  const nowMs = Date.now();
  const owner = thisOwner();
  const isFree = connection.target === "local";
  // `parhelia pool ls` shows those that wait for a session.
  const sessions = sandboxes.filter(
    (sandbox) => sandbox.tags[POOL_TAG] === undefined || isOrphan(sandbox, owner, nowMs),
  );
  const idleTimes = await Promise.all(sessions.map((sandbox) => readIdleTime(connection, sandbox)));
  return sessions.map((sandbox, index) => ({
    name: sandbox.name,
    sandboxId: sandbox.sandboxId,
    variant: sandbox.tags[VARIANT_TAG] ?? "unknown",
    ready: sandbox.readyAt !== undefined,
    createdAt: sandbox.createdAt,
    expiresAt: endOf(sandbox),
    idleMs: idleTimes[index] ?? null,
    owner: sandbox.tags[OWNER_TAG] ?? null,
    estimatedCost: isFree ? 0 : (estimateCost(sandbox, rates, nowMs) ?? null),
    orphan: isOrphan(sandbox, owner, nowMs),
  }));
}

/** Its own end, or that of the session in it: a prepared sandbox lives longer than the session that claims it. */
function endOf({ createdAt, timeoutMs, tags }: RunningSandbox): Date {
  const endsAtMs = createdAt.getTime() + timeoutMs;
  const expiresAtMs = Date.parse(tags[EXPIRES_TAG] ?? "");
  return new Date(expiresAtMs < endsAtMs ? expiresAtMs : endsAtMs);
}
