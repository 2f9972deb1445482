import { checkSessionName } from "../config/session-name.ts";
import type { Connection } from "../modal/connection.ts";
import { requireVolume } from "../modal/volumes.ts";
import { readStoredSession } from "./stored-checkpoints.ts";
import {
  QUICK_READ_BYTES,
  verifyCheckpoints,
  type VerifiedCheckpoint,
} from "./verify-checkpoints.ts";

export interface ListCheckpointsOptions {
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
  /** Read every checkpoint, however much that is. Default: the newest, as far as 64 MiB reach. */
  readonly verify?: boolean | undefined;
}

/** What a session can go back to. */
export interface SessionCheckpoints {
  /** Newest first; empty where there is none. */
  readonly checkpoints: readonly VerifiedCheckpoint[];
  /** Whether the session was removed: what is left of it may go at any time. */
  readonly isRemoved: boolean;
}

/**
 * Lists the checkpoints of a session, whether it runs or not, without a sandbox (SPEC-01.12).
 * @throws UserError when the name can be no session's, or the volume is not there
 */
export async function listCheckpoints(
  connection: Connection,
  session: string,
  { volumeName = "parhelia-vol", verify = false }: ListCheckpointsOptions = {},
): Promise<SessionCheckpoints> {
  checkSessionName(session);
  const volume = await requireVolume(connection, volumeName);
  const { checkpoints, isRemoved } = await readStoredSession(connection, volume, session);
  const maxBytes = verify ? undefined : QUICK_READ_BYTES;
  const verified = await verifyCheckpoints(connection, volume, session, checkpoints, maxBytes);
  return { checkpoints: verified, isRemoved };
}
