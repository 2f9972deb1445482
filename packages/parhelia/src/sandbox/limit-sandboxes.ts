import { UserError } from "../errors.ts";
import type { RunningSandbox } from "../modal/sandboxes.ts";
import { SESSION_TAG } from "../modal/tags.ts";
import { formatDuration } from "../units.ts";

/** How many of this owner's sessions may run at once. */
export interface SandboxLimit {
  /** 0: any number. */
  readonly maxSandboxes: number;
  /** Start also above it. */
  readonly aboveLimit: boolean;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** So many sessions are named to the user; the oldest are the likeliest to be forgotten. */
const NAMED = 10;

/**
 * Looks whether one more session may run besides this owner's sandboxes. Two starts at the same instant do not
 * see each other.
 * @throws UserError when more than the limit would run, and nothing says to start all the same
 */
export function limitSandboxes(
  own: readonly RunningSandbox[],
  name: string,
  limit: SandboxLimit,
): void {
  if (limit.maxSandboxes === 0) return;
  const running = own.filter(({ tags }) => tags[SESSION_TAG] !== undefined);
  const warning = checkLimit(name, running, limit, Date.now());
  if (warning !== undefined) limit.onWarning?.(warning);
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
