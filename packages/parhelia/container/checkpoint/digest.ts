import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { DIGEST_ALGORITHM, type CheckpointFile } from "../protocol/checkpoint.ts";

const CHUNK_BYTES = 1024 * 1024;

/** A file as it is now. @throws Error of the file system */
export function describeFile(path: string): CheckpointFile {
  const hash = createHash(DIGEST_ALGORITHM);
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const descriptor = openSync(path, "r");
  try {
    let bytes = 0;
    for (;;) {
      const read = readSync(descriptor, buffer);
      if (read === 0) return { bytes, digest: hash.digest("hex") };
      hash.update(buffer.subarray(0, read));
      bytes += read;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** A content as a file of a checkpoint. */
export function describeContent(content: string): CheckpointFile {
  const digest = createHash(DIGEST_ALGORITHM).update(content).digest("hex");
  return { bytes: Buffer.byteLength(content), digest };
}
