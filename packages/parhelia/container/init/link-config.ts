import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  CLAUDE_DIR,
  REMOTE_ENV_FILE,
  VOLUME_DIRECTORIES,
  VOLUME_ROOT,
  WORKSPACES_DIR,
} from "../../src/volume/layout.ts";
import { EXEC_DIR, SANDBOX_USER, SESSION_ENV_FILE } from "../protocol/paths.ts";
import { assembleFirst } from "./assemble-session.ts";
import { linkTo } from "./home-link.ts";
import { writeLog } from "../log.ts";
import { readRemoteEnv } from "./remote-env.ts";
import type { Environment } from "./session-environment.ts";
import { sessionEnvironment } from "./session-environment.ts";
import { prepareVolume } from "./volume.ts";
import { rollForward } from "../sync/commit.ts";
import { writeFileAtomically } from "../write-file.ts";

/**
 * SPEC-01.13 step 1: the volume's structure, `~/.claude`, the session's own Claude configuration, and the
 * environment that every command of the session starts with.
 * @returns that environment.
 * @throws StepError when the volume holds something that cannot be used, naming it.
 */
export function linkConfig(given: NodeJS.ProcessEnv): Environment {
  prepareVolume(
    VOLUME_DIRECTORIES.map(({ path, owner }) => ({
      path,
      uid: owner === "user" ? SANDBOX_USER.uid : 0,
      gid: owner === "user" ? SANDBOX_USER.gid : 0,
    })),
  );
  // A sync that was interrupted after its commit is completed before anyone looks.
  rollForward(VOLUME_ROOT);
  const movedTo = linkTo(join(SANDBOX_USER.home, ".claude"), CLAUDE_DIR);
  if (movedTo !== null) writeLog(`parhelia-init moved an existing ~/.claude to ${movedTo}`);

  const session = sessionEnvironment(given, readRemoteEnv(REMOTE_ENV_FILE));
  mkdirSync(EXEC_DIR, { recursive: true, mode: 0o755 });
  assembleFirst(session, [WORKSPACES_DIR, session.variables.PARHELIA_WORKSPACE ?? WORKSPACES_DIR]);
  writeFileAtomically(SESSION_ENV_FILE, session.file, { mode: 0o644 });
  return session.variables;
}
