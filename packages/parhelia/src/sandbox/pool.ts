import { CLAIM_BY_VARIABLE } from "../../container/protocol/claim.ts";
import type { Config } from "../config/config.ts";
import { chooseVariant, type Variant } from "../config/variants.ts";
import { UserError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { createSandbox, type App, type RunningSandbox } from "../modal/sandboxes.ts";
import { EXPIRES_TAG, OWNER_TAG, POOL_TAG, VARIANT_TAG } from "../modal/tags.ts";
import { checkGpu } from "./check-gpu.ts";
import { checkNetwork } from "./check-network.ts";
import { lifeOf, MAX_TIMEOUT_MS } from "./claim-prepared.ts";
import { checkTimeout } from "./create-claude-sandbox.ts";
import { costPerHour, estimateCost } from "./estimate-cost.ts";
import { thisOwner } from "./orphans.ts";
import { listOwnSandboxes } from "./own-sandboxes.ts";
import { fingerprint, planSandbox, type PlanOptions, type SandboxPlan } from "./plan-sandbox.ts";
import { untilAborted } from "./until-aborted.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

/** A sandbox that waits for a session (decision 0011). */
export interface PreparedSandbox {
  readonly sandboxId: string;
  readonly variant: string;
  /** GPU type; null: none. */
  readonly gpu: string | null;
  /** Whether a session can have it already. */
  readonly ready: boolean;
  readonly createdAt: Date;
  /** When it ends, unless a session has claimed it. */
  readonly claimBy: Date;
  /** US dollars; 0 on this machine, null where a rate is not known. */
  readonly costPerHour: number | null;
  /** So far. */
  readonly estimatedCost: number | null;
}

/** How many sandboxes are to wait, and like which. */
export interface FillOptions {
  readonly count: number;
  readonly pool: Config["pool"];
  readonly sandbox: PlanOptions;
}

/**
 * Sees to it that so many sandboxes wait that a session of these options would fit into (SPEC-01.15). Those that
 * wait already count.
 * @returns how many were started
 * @throws UserError for more than `[pool] max`, and as `createClaudeSandbox` does
 */
export async function fillPool(
  connection: Connection,
  { count, pool, sandbox: options }: FillOptions,
): Promise<number> {
  checkNetwork(connection.target, options);
  const gpu =
    options.gpu === undefined ? undefined : await checkGpu(connection.target, options.gpu);
  const variant = chooseVariant(gpu);
  const sessionMs = checkTimeout(options.timeoutHours);
  const appFound = findApp(connection);
  const planning = planSandbox(connection, appFound, variant, { ...options, gpu });
  const [plan, all] = await untilAborted(
    options.signal,
    Promise.all([planning, ownPool(connection, appFound)]),
  );
  const fitting = all.filter(({ tags }) => tags[POOL_TAG] === fingerprint(plan)).length;
  const missing = Math.max(0, count - fitting);
  refuseTooMany(all.length, missing, pool.max);

  const timeoutMs = Math.min(MAX_TIMEOUT_MS, sessionMs + pool.keepMs);
  const claimBy = new Date(Date.now() + Math.min(pool.keepMs, timeoutMs));
  const started = await Promise.allSettled(
    Array.from({ length: missing }, () =>
      prepare(connection, { plan, variant, timeoutMs, claimBy, signal: options.signal }),
    ),
  );
  const failed = started.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  return missing;
}

function refuseTooMany(waiting: number, missing: number, max: number): void {
  if (waiting + missing <= max) return;
  const there = waiting === 0 ? "" : `${waiting} wait already, and `;
  throw new UserError(
    `${there}${missing} more would be more prepared sandboxes than [pool] max, which is ${max}`,
    {
      hint: "each of them costs money while it waits: parhelia pool ls shows how much; parhelia pool drain ends them; or raise [pool] max in parhelia.toml",
    },
  );
}

interface Preparation {
  readonly plan: SandboxPlan;
  readonly variant: Variant;
  readonly timeoutMs: number;
  readonly claimBy: Date;
  readonly signal: AbortSignal | undefined;
}

/** Without a name: that is the session's. One that does not get ready is ended. */
async function prepare(
  connection: Connection,
  { plan, variant, timeoutMs, claimBy, signal }: Preparation,
): Promise<void> {
  const sandbox = await createSandbox(connection, {
    ...plan,
    timeoutMs,
    env: { ...plan.env, [CLAIM_BY_VARIABLE]: claimBy.toISOString() },
    tags: {
      [POOL_TAG]: fingerprint(plan),
      [VARIANT_TAG]: variant.name,
      [OWNER_TAG]: thisOwner(),
      [EXPIRES_TAG]: claimBy.toISOString(),
    },
  });
  await waitUntilReady(connection, sandbox, signal);
}

/** This owner's sandboxes that wait for a session, newest first. */
export async function listPool(
  connection: Connection,
  rates: Config["cost"],
): Promise<PreparedSandbox[]> {
  const { target } = connection;
  const nowMs = Date.now();
  const dollars = (cost: number | undefined) => (target === "local" ? 0 : (cost ?? null));
  return (await ownPool(connection, findApp(connection))).map((sandbox) => ({
    sandboxId: sandbox.sandboxId,
    variant: sandbox.tags[VARIANT_TAG] ?? "unknown",
    gpu: sandbox.resources.gpu ?? null,
    ready: sandbox.readyAt !== undefined,
    createdAt: sandbox.createdAt,
    claimBy: new Date(lifeOf(sandbox).claimByMs),
    costPerHour: dollars(costPerHour(sandbox, rates)),
    estimatedCost: dollars(estimateCost(sandbox, rates, nowMs)),
  }));
}

/**
 * Ends this owner's sandboxes that wait for a session.
 * @returns their identifiers
 */
export async function drainPool(connection: Connection): Promise<string[]> {
  const { client } = connection;
  const pool = await ownPool(connection, findApp(connection));
  await Promise.all(
    pool.map(async ({ sandboxId }) => {
      const sandbox = await client.sandboxes.fromId(sandboxId);
      await sandbox.terminate({ wait: true });
    }),
  );
  return pool.map(({ sandboxId }) => sandboxId);
}

function findApp({ client, appName }: Connection): Promise<App> {
  return client.apps.fromName(appName, { createIfMissing: true });
}

async function ownPool(connection: Connection, appFound: Promise<App>): Promise<RunningSandbox[]> {
  const own = await listOwnSandboxes(connection, appFound);
  return own.filter(({ tags }) => tags[POOL_TAG] !== undefined);
}
