import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import type { AssembledSession } from "../../container/protocol/sync.ts";
import type { Connection } from "../modal/connection.ts";
import { listSandboxes, type App, type Sandbox } from "../modal/sandboxes.ts";
import { SESSION_TAG } from "../modal/tags.ts";

/** A running session, after a sync. */
export interface SyncedSession {
  readonly name: string;
  /** Why it does not see the new files; undefined when it does. */
  readonly reloadFailure: string | undefined;
  /** Claude Codes that run in it and go on with what they read when they started. */
  readonly runningClaudes: number;
}

/** Tells the running sessions of the App to take up what a sync brought to the volume, MCP servers included. */
export async function reloadSessions(connection: Connection, app: App): Promise<SyncedSession[]> {
  const sandboxes = await listSandboxes(connection, app);
  const sessions = sandboxes.filter(({ tags }) => tags[SESSION_TAG] !== undefined);
  return Promise.all(
    sessions.map(async ({ name, sandboxId }) => {
      try {
        const sandbox = await connection.client.sandboxes.fromId(sandboxId);
        await sandbox.reloadVolumes();
        const { runningClaudes } = await assembleSession(sandbox);
        return { name, reloadFailure: undefined, runningClaudes };
      } catch (error) {
        const reloadFailure = error instanceof Error ? error.message : String(error);
        return { name, reloadFailure, runningClaudes: 0 };
      }
    }),
  );
}

/** Brings the session's own Claude configuration up to date with the volume's. */
async function assembleSession(sandbox: Sandbox): Promise<AssembledSession> {
  const assembly = await sandbox.exec([CONTAINER_PROGRAM, "assemble-session"]);
  const [status, stdout, stderr] = await Promise.all([
    assembly.wait(),
    assembly.stdout.readText(),
    assembly.stderr.readText(),
  ]);
  if (status !== 0) throw new Error(stderr.trim());
  return JSON.parse(stdout) as AssembledSession;
}
