import { hostname, userInfo } from "node:os";
import type { Connection } from "../modal/connection.ts";
import { listSandboxes, type RunningSandbox } from "../modal/sandboxes.ts";
import { EXPIRES_TAG, OWNER_TAG, POOL_TAG, SESSION_TAG } from "../modal/tags.ts";

/** Who starts sandboxes here: their tag `parhelia-owner`. */
export function thisOwner(): string {
  return `${userInfo().username}@${hostname()}`;
}

/**
 * Whether a sandbox runs that nobody can want any more: a session of this owner, or a prepared sandbox, whose
 * tag says that its time is over, or the sandbox of a task of Parhelia's that is older than it may become. Sandboxes of others, and those
 * without Parhelia's tags, never are.
 */
export function isOrphan(
  { tags, createdAt, timeoutMs }: RunningSandbox,
  owner: string,
  nowMs: number,
): boolean {
  if (tags["parhelia-task"] !== undefined) return nowMs > createdAt.getTime() + timeoutMs;
  const isKnown = tags[SESSION_TAG] !== undefined || tags[POOL_TAG] !== undefined;
  if (!isKnown || tags[OWNER_TAG] !== owner) return false;
  return nowMs > Date.parse(tags[EXPIRES_TAG] ?? "");
}

/**
 * Ends what is an orphan in the App.
 * @returns their names, or identifiers where they have none
 */
export async function removeOrphans(connection: Connection): Promise<string[]> {
  const { client, appName } = connection;
  const app = await client.apps.fromName(appName, { createIfMissing: true });
  const owner = thisOwner();
  const all = await listSandboxes(connection, app);
  const orphans = all.filter((sandbox) => isOrphan(sandbox, owner, Date.now()));
  await Promise.all(
    orphans.map(async ({ sandboxId }) => {
      const sandbox = await client.sandboxes.fromId(sandboxId);
      await sandbox.terminate({ wait: true });
    }),
  );
  return orphans.map(({ name, sandboxId }) => name || sandboxId);
}
