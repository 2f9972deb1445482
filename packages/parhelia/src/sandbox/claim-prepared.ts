import { CLAIMED_LINE } from "../../container/protocol/claim.ts";
import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import type { Connection } from "../modal/connection.ts";
import {
  alreadyRunning,
  isOfV1,
  listSandboxes,
  nameSandbox,
  type ContainerProcess,
  type RunningSandbox,
  type Sandbox,
} from "../modal/sandboxes.ts";
import { HOUR_MS } from "../units.ts";
import { fingerprint, type SandboxPlan } from "./plan-sandbox.ts";
import { readLine } from "./read-line.ts";
import { EXPIRES_TAG, POOL_TAG, SESSION_TAG } from "../modal/tags.ts";

/** Modal's longest lifetime of a sandbox (SPEC-01, `timeout_hours=24`). */
export const MAX_TIMEOUT_MS = 24 * HOUR_MS;

/** A session that looks for a sandbox. */
export interface NewSession {
  readonly name: string;
  /** How long it may live. */
  readonly timeoutMs: number;
  /** What the sandbox is told of it. */
  readonly variables: (expiresAt: Date) => Readonly<Record<string, string>>;
  readonly tags: (expiresAt: Date) => Readonly<Record<string, string>>;
}

/** A prepared sandbox that has become a session's. */
export interface ClaimedSandbox {
  readonly sandbox: Sandbox;
  /** Resolves when the session's five init steps are done; rejects when the sandbox ends before. */
  readonly ready: () => Promise<void>;
}

/**
 * Takes a prepared sandbox among this owner's that is exactly as the session's own would be (decision 0011), and makes
 * it the session's: name, tags, volume as it is now, variables.
 * @returns undefined when there is none: the session then gets a sandbox of its own
 * @throws UserError when a session of that name runs that Modal knows by no name
 */
export async function claimPrepared(
  connection: Connection,
  own: readonly RunningSandbox[],
  plan: SandboxPlan,
  session: NewSession,
): Promise<ClaimedSandbox | undefined> {
  const namesake = own.find(({ tags }) => tags[SESSION_TAG] === session.name);
  if (namesake !== undefined && isOfV1(namesake)) throw alreadyRunning(session.name);
  if (namesake !== undefined) return undefined; // Modal knows better whether its name is still taken
  const wanted = fingerprint(plan);
  // The oldest first: it is the next to end unused.
  for (const candidate of own.toReversed().filter(({ tags }) => tags[POOL_TAG] === wanted)) {
    if (!livesLongEnough(candidate, session.timeoutMs, Date.now())) continue;
    const taken = await take(connection, candidate).catch(() => undefined); // it has ended meanwhile
    if (taken !== undefined) return give(connection, plan, session, { ...taken, candidate });
  }
  return undefined;
}

/** A prepared sandbox, as the list shows it: until when it waits, and when it ends whatever happens. */
export function lifeOf({ createdAt, timeoutMs, tags }: RunningSandbox) {
  return {
    claimByMs: Date.parse(tags[EXPIRES_TAG] ?? ""),
    endsAtMs: createdAt.getTime() + timeoutMs,
  };
}

/**
 * Whether a session may still live as long in it as it asks for; one that asks for nearly all that Modal allows
 * may lose the time that the sandbox has waited.
 */
function livesLongEnough(candidate: RunningSandbox, timeoutMs: number, nowMs: number): boolean {
  const { claimByMs, endsAtMs } = lifeOf(candidate);
  const longestWaitMs = claimByMs - candidate.createdAt.getTime();
  if (candidate.readyAt === undefined || nowMs >= claimByMs) return false;
  return endsAtMs - nowMs >= Math.min(timeoutMs, MAX_TIMEOUT_MS - longestWaitMs);
}

interface Taken {
  readonly sandbox: Sandbox;
  readonly claim: ContainerProcess<string>;
}

/** The sandbox decides who has it: undefined when somebody else was first. */
async function take(
  { client }: Connection,
  { sandboxId }: RunningSandbox,
): Promise<Taken | undefined> {
  const sandbox = await client.sandboxes.fromId(sandboxId);
  const claim = await sandbox.exec([CONTAINER_PROGRAM, "claim"]);
  const { line, rest } = await readLine(claim.stdout);
  rest.catch(() => undefined); // nothing follows
  return line === CLAIMED_LINE ? { sandbox, claim } : undefined;
}

/** Whatever fails from here on, nobody else can have the sandbox any more: it ends. */
async function give(
  connection: Connection,
  plan: SandboxPlan,
  session: NewSession,
  { sandbox, claim, candidate }: Taken & { readonly candidate: RunningSandbox },
): Promise<ClaimedSandbox> {
  const endsAtMs = Math.min(Date.now() + session.timeoutMs, lifeOf(candidate).endsAtMs);
  const expiresAt = new Date(endsAtMs);
  try {
    await Promise.all([
      sandbox.setTags({ ...session.tags(expiresAt) }),
      // What the volume had when the sandbox was prepared is not what it has now.
      sandbox.reloadVolumes(),
      nameSandbox(sandbox, session.name),
    ]);
    if (isOfV1(sandbox)) await refuseSecond(connection, plan, session, sandbox);
    const writer = claim.stdin.getWriter();
    await writer.write(`${JSON.stringify(session.variables(expiresAt))}\n`);
    await writer.close();
  } catch (error) {
    await sandbox.terminate({ wait: true }).catch(() => undefined); // the reason counts
    throw error;
  }
  return { sandbox, ready: () => readied(claim) };
}

/** Names are Modal's mutex; where a sandbox can not be given one, whoever sees another one steps back. */
async function refuseSecond(
  connection: Connection,
  { app }: SandboxPlan,
  { name }: NewSession,
  { sandboxId }: Sandbox,
): Promise<void> {
  const named = await listSandboxes(connection, app, { tags: { [SESSION_TAG]: name } });
  if (named.some((other) => other.sandboxId !== sandboxId)) throw alreadyRunning(name);
}

async function readied(claim: ContainerProcess<string>): Promise<void> {
  const status = await claim.wait();
  if (status !== 0) throw new Error(`the claim of a prepared sandbox ended with status ${status}`);
}
