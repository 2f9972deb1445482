import { lchownSync, mkdirSync } from "node:fs";
import { VOLUME_ROOT } from "../../src/volume/layout.ts";
import { ownWorkspace } from "./places.ts";
import { RestoreError, restoreCheckpoint } from "./restore.ts";
import { writeLog } from "../log.ts";
import type { CheckpointWindow, RestoreReport } from "../protocol/checkpoint.ts";
import { SANDBOX_USER, SESSION_CLAUDE_DIR } from "../protocol/paths.ts";
import { asUser } from "../init/as-user.ts";
import type { Environment } from "../init/session-environment.ts";
import { StepError } from "../init/steps.ts";
import { endFilling } from "../workspace/incomplete-tree.ts";

/**
 * Brings back the checkpoint that PARHELIA_RESTORE names, as the session's user, before the volume's
 * configuration is merged into the session's.
 * @returns the windows that it had
 * @throws StepError that says what is damaged, and which earlier checkpoint is not
 */
export function restoreFirst(from: string, environment: Environment): readonly CheckpointWindow[] {
  const { uid, gid } = SANDBOX_USER;
  mkdirSync(SESSION_CLAUDE_DIR, { recursive: true, mode: 0o700 });
  lchownSync(SESSION_CLAUDE_DIR, uid, gid);
  try {
    const workspace = ownWorkspace(environment.PARHELIA_WORKSPACE);
    const { report, windows } = asUser(SANDBOX_USER, () =>
      restoreCheckpoint({
        volume: VOLUME_ROOT,
        from,
        workspace,
        claudeDirectory: SESSION_CLAUDE_DIR,
      }),
    );
    // A project that was cut off on its way is no longer waited for.
    if (workspace !== null) endFilling(workspace);
    writeLog(`parhelia-init ${describe(report)}`);
    return windows;
  } catch (error) {
    if (error instanceof RestoreError) throw new StepError(error.message);
    throw error;
  }
}

function describe({ session, id, workspace, movedTo, conversations }: RestoreReport): string {
  const moved = movedTo === null ? "" : `, what was there is in ${movedTo}`;
  return `restored checkpoint ${id} of ${session}: workspace ${workspace}${moved}; ${conversations} conversations`;
}
