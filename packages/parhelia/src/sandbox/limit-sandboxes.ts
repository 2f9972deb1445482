import { UserError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { listSandboxes, type App, type RunningSandbox } from "../modal/sandboxes.ts";
import { formatDuration } from "../units.ts";
import { thisOwner } from "./orphans.ts";

/** How many of this owner's sessions may run at once. */
export interface SandboxLimit {
  /** 0: any number. */
  readonly maxSandboxes: number;
  /** Start also above it. */
  readonly aboveLimit: boolean;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Modal's pages are longer, all but the last one. */
const LEAST_PAGE = 20;

/** So many sessions are named to the user; the oldest are the likeliest to be forgotten. */
const NAMED = 10;

/**
 * Looks, beside whatever else a start asks Modal for, whether one more session may run. Two starts at the same
 * instant do not see each other.
 * @throws UserError when more than the limit would run, and nothing says to start all the same
 */
export async function limitSandboxes(
  connection: Connection,
  appFound: Promise<App>,
  name: string,
  limit: SandboxLimit,
): Promise<void> {
  if (limit.maxSandboxes === 0) return;
  const running = await listOwnSessions(connection, appFound);
  const warning = checkLimit(name, running, limit, Date.now());
  if (warning !== undefined) limit.onWarning?.(warning);
}

/**
 * This owner's sessions in the App. Asked for by owner in all Apps, so that the request need not wait for the
 * App's identifier; Modal discourages that, so one that is refused is asked again for the App alone.
 */
async function listOwnSessions(
  connection: Connection,
  appFound: Promise<App>,
): Promise<RunningSandbox[]> {
  const query = { tags: { "parhelia-owner": thisOwner() }, leastPage: LEAST_PAGE };
  const inAllApps = listSandboxes(connection, undefined, query);
  const owned = await inAllApps.catch(async () => listSandboxes(connection, await appFound, query));
  const { appId } = await appFound;
  return owned.filter(({ appId: other, tags }) => other === appId && "parhelia-session" in tags);
}

/**
 * What a start of the session means for the limit, given what runs, newest first. A session of the same name
 * does not count: two cannot run.
 * @returns a warning where the limit is reached
 * @throws UserError where it is exceeded
 */
export function checkLimit(
  name: string,
  running: readonly RunningSandbox[],
  { maxSandboxes, aboveLimit }: Omit<SandboxLimit, "onWarning">,
  nowMs: number,
): string | undefined {
  const others = running.filter((sandbox) => sandbox.name !== name);
  const limit = `[limits] max_sandboxes is ${maxSandboxes}`;
  const count = others.length + 1;
  if (count < maxSandboxes) return undefined;
  const isNumber = `${name} is number ${count} of your running sessions`;
  if (count === maxSandboxes) return `${isNumber}, and ${limit}: the next one is refused`;
  const named = nameWithAges(others, nowMs);
  if (aboveLimit) return `${isNumber}, but ${limit}; besides it there are ${named}`;
  throw new UserError(`${others.length} of your sessions run, and ${limit}: ${named}`, {
    hint: `parhelia stop NAME ends one; --force starts ${name} all the same; [limits] max_sandboxes in parhelia.toml sets another limit`,
  });
}

function nameWithAges(sessions: readonly RunningSandbox[], nowMs: number): string {
  const oldestFirst = sessions.toReversed();
  const named = oldestFirst.slice(0, NAMED).map(({ name, createdAt }) => {
    return `${name} (for ${formatDuration(Math.max(0, nowMs - createdAt.getTime()))})`;
  });
  const more = sessions.length - named.length;
  return [...named, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
