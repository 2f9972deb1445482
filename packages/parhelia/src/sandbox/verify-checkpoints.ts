import { DIGEST_ALGORITHM, type CheckpointFile } from "../../container/protocol/checkpoint.ts";
import type { Connection } from "../modal/connection.ts";
import type { Volume } from "../modal/sandboxes.ts";
import { digestVolumeFile } from "../modal/volume-files.ts";
import { checkpointHistoryDir, pathInVolume } from "../volume/layout.ts";
import type { StoredCheckpoint } from "./stored-checkpoints.ts";

/** So much is read where nobody asked for more: within a second or two, also over the network. */
export const QUICK_READ_BYTES = 64 * 1024 * 1024;

/** A checkpoint, and whether its files were compared with their digests. */
export interface VerifiedCheckpoint extends StoredCheckpoint {
  /** Every file was read and is what was written. False of a damaged one, and where there was too much to read. */
  readonly isVerified: boolean;
}

/**
 * Reads checkpoints and compares them with their digests, without a sandbox: the newest first, each as a whole.
 * @param maxBytes how much is read at most. Default: all of it
 */
export async function verifyCheckpoints(
  connection: Connection,
  volume: Volume,
  session: string,
  checkpoints: readonly StoredCheckpoint[],
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<VerifiedCheckpoint[]> {
  let restBytes = maxBytes;
  const verified: VerifiedCheckpoint[] = [];
  for (const checkpoint of checkpoints) {
    const files = Object.entries(checkpoint.state?.files ?? {});
    const bytes = files.reduce((sum, [, file]) => sum + file.bytes, 0);
    restBytes -= bytes;
    if (checkpoint.damage !== undefined || restBytes < 0) {
      verified.push({ ...checkpoint, isVerified: false });
      continue;
    }
    const directory = pathInVolume(`${checkpointHistoryDir(session)}/${checkpoint.id}`);
    const damages = await Promise.all(files.map(([name, file]) => compare(name, file, directory)));
    const damage = damages.find((found) => found !== undefined);
    verified.push({ ...checkpoint, damage, isVerified: damage === undefined });
  }
  return verified;

  async function compare(name: string, wanted: CheckpointFile, directory: string) {
    const digest = await digestVolumeFile(
      connection,
      volume,
      `${directory}/${name}`,
      DIGEST_ALGORITHM,
    );
    if (digest === undefined) return `${name} is missing`;
    return digest === wanted.digest ? undefined : `${name} has another content than was written`;
  }
}
