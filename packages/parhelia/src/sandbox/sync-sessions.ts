import { CLAUDE_DIR, MCP_CONFIG_FILE, pathInVolume } from "../volume/layout.ts";
import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import type { SyncManifest } from "../../container/protocol/sync.ts";
import type { Connection } from "../modal/connection.ts";
import { listSandboxes, type App, type Sandbox } from "../modal/sandboxes.ts";

/** A running session, after a sync. */
export interface SyncedSession {
  readonly name: string;
  /** Why it does not see the new files; undefined when it does. */
  readonly reloadFailure: string | undefined;
  /** What of the sync only a new start of the session takes up: paths from the volume's root. */
  readonly restartFor: readonly string[];
}

/**
 * Tells the running sessions of the App to load what a sync brought to the volume. A `claude` that runs in
 * one goes on with what it read when it started; the next one sees the new files.
 */
export async function reloadSessions(
  connection: Connection,
  app: App,
  restartFor: readonly string[],
): Promise<SyncedSession[]> {
  const sandboxes = await listSandboxes(connection, app);
  const sessions = sandboxes.filter(({ tags }) => tags["parhelia-session"] !== undefined);
  return Promise.all(
    sessions.map(async ({ name, sandboxId }) => {
      try {
        const sandbox = await connection.client.sandboxes.fromId(sandboxId);
        await sandbox.reloadVolumes();
        await assembleSession(sandbox);
        return { name, reloadFailure: undefined, restartFor };
      } catch (error) {
        const reloadFailure = error instanceof Error ? error.message : String(error);
        return { name, reloadFailure, restartFor };
      }
    }),
  );
}

/** Brings the session's own Claude configuration up to date with the volume's. */
async function assembleSession(sandbox: Sandbox): Promise<void> {
  const assembly = await sandbox.exec([CONTAINER_PROGRAM, "assemble-session"]);
  const [status, stderr] = await Promise.all([assembly.wait(), assembly.stderr.readText()]);
  if (status !== 0) throw new Error(stderr.trim());
}

/**
 * What a session takes up only at its start: the MCP servers, and entries of the configuration that were not
 * there before and have no link in the session's own.
 */
export function startOnlyChanges(
  manifest: SyncManifest,
  base: SyncManifest | undefined,
  changed: readonly string[],
): string[] {
  const before = topEntries(base);
  const added = [...topEntries(manifest)].filter((entry) => !before.has(entry));
  const mcpConfig = pathInVolume(MCP_CONFIG_FILE);
  const removed = base?.files[mcpConfig] !== undefined && manifest.files[mcpConfig] === undefined;
  const isMcpChanged = removed || changed.includes(mcpConfig);
  return [...new Set([...added, ...(isMcpChanged ? [mcpConfig] : [])])];
}

/** `config/claude/skills` of `config/claude/skills/a/SKILL.md`. */
function topEntries(manifest: SyncManifest | undefined): Set<string> {
  const root = `${pathInVolume(CLAUDE_DIR)}/`;
  const paths = Object.keys(manifest?.files ?? {}).filter((path) => path.startsWith(root));
  return new Set(paths.map((path) => root + (path.slice(root.length).split("/")[0] ?? "")));
}
