import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { latestCheckpointLink, removedSessionMarker } from "../../src/volume/layout.ts";
import { CHECKPOINT_FILES, parseCheckpointState, parseRestore } from "../protocol/checkpoint.ts";
import { existingCheckpoint } from "../protocol/existing-checkpoint.ts";
import { asUser } from "./as-user.ts";
import { SANDBOX_USER } from "../protocol/paths.ts";
import { StepError } from "./steps.ts";

/**
 * Whether a session may begin under its name. A checkpoint with something in it is not left behind by
 * accident: such a session is resumed, or begun anew expressly (PARHELIA_NEW).
 * @throws StepError that names the checkpoint
 */
export function startHistory(given: NodeJS.ProcessEnv): void {
  const { PARHELIA_SESSION: session, PARHELIA_RESTORE: restore, PARHELIA_NEW: isNew } = given;
  if (session === undefined) return;
  const isContinued = restore !== undefined && parseRestore(restore)?.session === session;
  const removed = removedSessionMarker(session);
  if (existsSync(removed)) asUser(SANDBOX_USER, () => rmSync(removed, { force: true }));
  else if (!isContinued && isNew !== "1") refuseToHide(session);
}

function refuseToHide(session: string): void {
  const file = join(latestCheckpointLink(session), CHECKPOINT_FILES.state);
  if (!existsSync(file)) return;
  const state = parseCheckpointState(readFileSync(file, "utf8"));
  const isEmpty = state?.conversations === 0 && state.workspace.entries === 0;
  if (!isEmpty) throw new StepError(existingCheckpoint(session, state?.id ?? "unreadable"));
}
