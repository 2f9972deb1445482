import { DIGEST_ALGORITHM, type CheckpointFile } from "../../container/protocol/checkpoint.ts";
import type { Connection } from "../modal/connection.ts";
import type { Volume } from "../modal/sandboxes.ts";
import { describeVolumeFile } from "../modal/volume-files.ts";
import { checkpointHistoryDir, pathInVolume } from "../volume/layout.ts";
import type { StoredCheckpoint } from "./stored-checkpoints.ts";

/**
 * So much is read where nobody asked for more. Its SHA-512/256 takes 0.2 s (measured: 370 to 400 MiB/s on two cores of
 * an EPYC), so what bounds it is the network: 5 s at 100 Mbit/s.
 */
export const QUICK_READ_BYTES = 64 * 1024 * 1024;

/** A checkpoint, and whether its files were compared with their digests. */
export interface VerifiedCheckpoint extends StoredCheckpoint {
  /** Every file was read and is what was written. False of a damaged one, and where there was too much to read. */
  readonly isVerified: boolean;
}

/**
 * Reads checkpoints and compares them with their digests, without a sandbox: each as a whole, the newest first. Of
 * those that would be too much the sizes are compared.
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
    restBytes -= files.reduce((sum, [, { bytes }]) => sum + bytes, 0);
    const isRead = restBytes >= 0;
    const directory = pathInVolume(`${checkpointHistoryDir(session)}/${checkpoint.id}`);
    const damages = await Promise.all(
      files.map(([name, file]) => damageOf(name, file, directory, isRead)),
    );
    const damage = checkpoint.damage ?? damages.find((found) => found !== undefined);
    verified.push({ ...checkpoint, damage, isVerified: isRead && damage === undefined });
  }
  return verified;

  async function damageOf(name: string, file: CheckpointFile, directory: string, isRead: boolean) {
    const path = `${directory}/${name}`;
    const algorithm = isRead ? DIGEST_ALGORITHM : undefined;
    const found = await describeVolumeFile(connection, volume, path, algorithm);
    if (found === undefined) return `${name} is missing`;
    if (found.bytes !== file.bytes) {
      return `${name} has ${found.bytes} bytes instead of ${file.bytes}`;
    }
    const isWhole = found.digest === undefined || found.digest === file.digest;
    return isWhole ? undefined : `${name} has another content than was written`;
  }
}
