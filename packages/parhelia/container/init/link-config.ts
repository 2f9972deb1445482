import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  CLAUDE_DIR,
  REMOTE_ENV_FILE,
  VOLUME_DIRECTORIES,
  VOLUME_ROOT,
  WORKSPACES_DIR,
} from "../../src/volume/layout.ts";
import { EXEC_DIR, SANDBOX_USER, SESSION_CLAUDE_DIR, SESSION_ENV_FILE } from "../protocol/paths.ts";
import { linkTo } from "./home-link.ts";
import { writeLog } from "../log.ts";
import { readRemoteEnv } from "./remote-env.ts";
import { assembleSessionConfig } from "./session-config.ts";
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
  rollForward(VOLUME_ROOT);
  const movedTo = linkTo(join(SANDBOX_USER.home, ".claude"), CLAUDE_DIR);
  if (movedTo !== null) writeLog(`parhelia-init moved an existing ~/.claude to ${movedTo}`);

  const session = sessionEnvironment(given, readRemoteEnv(REMOTE_ENV_FILE));
  assembleSessionConfig({
    from: CLAUDE_DIR,
    to: SESSION_CLAUDE_DIR,
    owner: SANDBOX_USER,
    apiKey: session.variables.ANTHROPIC_API_KEY,
    trusted: [WORKSPACES_DIR, session.variables.PARHELIA_WORKSPACE ?? WORKSPACES_DIR],
  });
  mkdirSync(EXEC_DIR, { recursive: true, mode: 0o755 });
  writeFileAtomically(SESSION_ENV_FILE, session.file, { mode: 0o644 });
  return session.variables;
}
