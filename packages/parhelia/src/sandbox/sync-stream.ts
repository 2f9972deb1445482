import { setImmediate as nextTurn } from "node:timers/promises";
import zlib from "node:zlib";
import {
  SYNC_PIECE,
  SYNC_PIECE_BYTES,
  SYNC_PIECE_HEADER_BYTES,
  type SyncHeader,
} from "../../container/protocol/sync.ts";
import type { SyncTree } from "../layers/sync-tree.ts";

/** The fastest that still makes text a fraction of its size. */
const ZSTD_OPTIONS = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } };

/** Node has it from 22.15 on. */
const canCompress = "zstdCompressSync" in zlib;

/** So much is read and compressed ahead of what can be sent: a sandbox takes its time to start. */
const READ_AHEAD_BYTES = 32 * 1024 * 1024;

/**
 * The bytes of a sync, in the pieces in which they travel, each of at most 1 MiB: each is a round trip. They
 * are prepared from now on, and fail with a UserError when a file is gone or has changed since it was
 * collected.
 */
export function syncStream(header: SyncHeader, tree: SyncTree): ReadableStream<Buffer> {
  const pieces = syncPieces(header, tree);
  return new ReadableStream<Buffer>(
    {
      async pull(controller) {
        const next = pieces.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
        await nextTurn(); // reading and compressing does not wait; everybody else does meanwhile
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: READ_AHEAD_BYTES }),
  );
}

/** The same, one by one as they are asked for. */
export function* syncPieces(header: SyncHeader, tree: SyncTree): Generator<Buffer, undefined> {
  const buffer = Buffer.allocUnsafe(SYNC_PIECE_BYTES);
  let filled = 0;
  for (const part of parts(header, tree)) {
    for (let copied = 0; copied < part.length;) {
      const bytes = part.copy(buffer, filled, copied);
      copied += bytes;
      filled += bytes;
      if (filled < SYNC_PIECE_BYTES) continue;
      yield packPiece(buffer);
      filled = 0;
    }
  }
  if (filled > 0) yield packPiece(buffer.subarray(0, filled));
}

function* parts(header: SyncHeader, tree: SyncTree): Generator<Buffer> {
  yield Buffer.from(`${JSON.stringify(header)}\n`);
  for (const path of header.sent) yield tree.get(path)?.read() ?? Buffer.alloc(0);
}

/** Compressed where that is possible and makes it smaller. The content can be used again afterwards. */
function packPiece(content: Buffer): Buffer {
  const compressed = canCompress ? zlib.zstdCompressSync(content, ZSTD_OPTIONS) : content;
  const isSmaller = compressed.length < content.length;
  const body = isSmaller ? compressed : content;
  const head = Buffer.alloc(SYNC_PIECE_HEADER_BYTES);
  head.writeUInt8(isSmaller ? SYNC_PIECE.zstd : SYNC_PIECE.plain);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}
