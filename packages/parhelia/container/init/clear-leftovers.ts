import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FROM_SNAPSHOT_VARIABLE } from "../protocol/snapshot.ts";
import {
  CHECKPOINT_MEMORY_DIR,
  RUN_DIR,
  SANDBOX_USER,
  SESSION_CLAUDE_DIR,
} from "../protocol/paths.ts";

/**
 * In a sandbox that was made from a snapshot: removes what only meant something in the one before. Sockets and process
 * numbers lead nowhere; the session's Claude configuration comes from its checkpoint, which may be an earlier one.
 */
export function clearLeftovers(environment: NodeJS.ProcessEnv): void {
  if (environment[FROM_SNAPSHOT_VARIABLE] === undefined) return;
  const directories = [SESSION_CLAUDE_DIR, CHECKPOINT_MEMORY_DIR, `/tmp/tmux-${SANDBOX_USER.uid}`];
  for (const path of directories) rmSync(path, { force: true, recursive: true });
  for (const name of readdirSync(RUN_DIR)) rmSync(join(RUN_DIR, name), { recursive: true });
}
