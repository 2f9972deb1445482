import type { Connection } from "../modal/connection.ts";
import { listSandboxes } from "../modal/sandboxes.ts";

/** A session that runs. */
export interface RunningSession {
  readonly name: string;
  readonly sandboxId: string;
  readonly variant: string;
  readonly ready: boolean;
  readonly createdAt: Date;
  /** When its sandbox ends by itself. */
  readonly expiresAt: Date;
}

/** The sessions that run in the App, newest first. */
export async function listSessions(connection: Connection): Promise<RunningSession[]> {
  const app = await connection.client.apps.fromName(connection.appName, { createIfMissing: true });
  const sandboxes = await listSandboxes(connection, app);
  return sandboxes.map((sandbox) => ({
    name: sandbox.name,
    sandboxId: sandbox.sandboxId,
    variant: sandbox.tags["parhelia-variant"] ?? "unknown",
    ready: sandbox.readyAt !== undefined,
    createdAt: sandbox.createdAt,
    expiresAt: new Date(sandbox.createdAt.getTime() + sandbox.timeoutMs),
  }));
}
