import { lchownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  CLAUDE_DIR,
  REMOTE_ENV_FILE,
  VOLUME_DIRECTORIES,
  VOLUME_ROOT,
  WORKSPACES_DIR,
} from "../../src/volume/layout.ts";
import type { CheckpointWindow } from "../protocol/checkpoint.ts";
import {
  CHECKPOINT_MEMORY_DIR,
  EXEC_DIR,
  SANDBOX_USER,
  SESSION_ENV_FILE,
} from "../protocol/paths.ts";
import { assembleFirst } from "./assemble-session.ts";
import type { SessionStart } from "./await-session.ts";
import { startHistory } from "./start-history.ts";
import { linkTo } from "./home-link.ts";
import { loadCheckpointing } from "../load-checkpointing.ts";
import { writeLog } from "../log.ts";
import { readRemoteEnv } from "./remote-env.ts";
import type { Environment } from "./session-environment.ts";
import { sessionEnvironment } from "./session-environment.ts";
import { prepareVolume } from "./volume.ts";
import { rollForward } from "../sync/commit.ts";
import { writeFileAtomically } from "../write-file.ts";

/** What the first step finds out for the others. */
export interface Linked {
  /** What every command of the session starts with. */
  readonly environment: Environment;
  /** The tmux windows of the checkpoint that the session goes on from; undefined where it begins. */
  readonly windows: readonly CheckpointWindow[] | undefined;
}

/**
 * SPEC-01.13 step 1: the volume's structure, `~/.claude`, the checkpoint that the session goes on from
 * (`PARHELIA_RESTORE`), the session's own Claude configuration, and the environment of its commands.
 * @throws StepError when the volume holds something that cannot be used, naming it, or the checkpoint is damaged.
 */
export async function linkConfig({
  given,
  claimed,
}: Pick<SessionStart, "given" | "claimed">): Promise<Linked> {
  prepareVolume(
    VOLUME_DIRECTORIES.map(({ path, owner }) => ({
      path,
      uid: owner === "user" ? SANDBOX_USER.uid : 0,
      gid: owner === "user" ? SANDBOX_USER.gid : 0,
    })),
  );
  startHistory(given);
  // A sync that was interrupted after its commit is completed before anyone looks.
  rollForward(VOLUME_ROOT);
  const movedTo = linkTo(join(SANDBOX_USER.home, ".claude"), CLAUDE_DIR);
  if (movedTo !== null) writeLog(`parhelia-init moved an existing ~/.claude to ${movedTo}`);

  const session = sessionEnvironment(given, readRemoteEnv(REMOTE_ENV_FILE), claimed);
  mkdirSync(EXEC_DIR, { recursive: true, mode: 0o755 });
  mkdirSync(CHECKPOINT_MEMORY_DIR, { recursive: true, mode: 0o755 });
  lchownSync(CHECKPOINT_MEMORY_DIR, SANDBOX_USER.uid, SANDBOX_USER.gid);
  const windows = await restoreSession(session.variables);
  assembleFirst(session, [WORKSPACES_DIR, session.variables.PARHELIA_WORKSPACE ?? WORKSPACES_DIR]);
  writeFileAtomically(SESSION_ENV_FILE, session.file, { mode: 0o644 });
  return { environment: session.variables, windows };
}

/** Loaded where there is something to restore: a session that begins does not wait for it. */
async function restoreSession(
  environment: Environment,
): Promise<readonly CheckpointWindow[] | undefined> {
  if (environment.PARHELIA_RESTORE === undefined) return undefined;
  const { restoreFirst } = await loadCheckpointing();
  return restoreFirst(environment.PARHELIA_RESTORE, environment);
}
