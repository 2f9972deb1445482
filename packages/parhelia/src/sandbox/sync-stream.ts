import type { SyncHeader } from "../../container/protocol/sync.ts";
import type { SyncTree } from "../layers/sync-tree.ts";

/** Each piece is a round trip. */
const PIECE_BYTES = 1024 * 1024;

/**
 * The bytes of a sync, in pieces of 1 MiB. Files are read when their turn comes.
 * @throws UserError when a file is gone or has changed since it was collected
 */
export function* syncStream(header: SyncHeader, tree: SyncTree): Generator<Buffer> {
  let piece = Buffer.allocUnsafe(PIECE_BYTES);
  let filled = 0;
  for (const part of parts(header, tree)) {
    for (let copied = 0; copied < part.length;) {
      const bytes = part.copy(piece, filled, copied);
      copied += bytes;
      filled += bytes;
      if (filled < PIECE_BYTES) continue;
      yield piece;
      piece = Buffer.allocUnsafe(PIECE_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

function* parts(header: SyncHeader, tree: SyncTree): Generator<Buffer> {
  yield Buffer.from(`${JSON.stringify(header)}\n`);
  for (const path of header.sent) yield tree.get(path)?.read() ?? Buffer.alloc(0);
}
