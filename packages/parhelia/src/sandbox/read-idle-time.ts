import { setTimeout as sleep } from "node:timers/promises";
import type { Activity } from "../../container/protocol/activity.ts";
import { ACTIVITY_FILE } from "../../container/protocol/paths.ts";
import type { Connection } from "../modal/connection.ts";
import type { RunningSandbox } from "../modal/sandboxes.ts";
import { SECOND_MS } from "../units.ts";

/** A sandbox that answers later is not waited for: a list is to be quick. */
const ANSWER_TIMEOUT_MS = 3 * SECOND_MS;

/**
 * How long nothing had happened in a session when its sandbox last looked, some seconds ago, in ms. To ask is no
 * activity itself. Undefined where the sandbox is not ready, or does not answer in time.
 */
export async function readIdleTime(
  connection: Connection,
  { sandboxId, readyAt }: RunningSandbox,
): Promise<number | undefined> {
  if (readyAt === undefined) return undefined;
  const timeout = new AbortController();
  try {
    return await Promise.race([
      askSandbox(connection, sandboxId).catch(() => undefined),
      sleep(ANSWER_TIMEOUT_MS, undefined, { signal: timeout.signal }),
    ]);
  } finally {
    timeout.abort();
  }
}

/** Not by way of parhelia-exec: a command of the session's would count as activity. */
async function askSandbox({ client }: Connection, sandboxId: string): Promise<number> {
  const sandbox = await client.sandboxes.fromId(sandboxId);
  const reading = await sandbox.exec(["cat", ACTIVITY_FILE]);
  const { lookedAtMs, activeAtMs } = JSON.parse(await reading.stdout.readText()) as Activity;
  return Math.max(0, lookedAtMs - activeAtMs);
}
