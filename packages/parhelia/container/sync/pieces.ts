import { zstdDecompressSync } from "node:zlib";
import { SYNC_PIECE, SYNC_PIECE_BYTES, SYNC_PIECE_HEADER_BYTES } from "../protocol/sync.ts";

/** The bytes of a sync, out of the pieces in which they travel. */
export async function* unpackPieces(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let wantedBytes = SYNC_PIECE_HEADER_BYTES;
  for await (const data of input) {
    waiting.push(data);
    waitingBytes += data.length;
    // Joined only when there is enough: a piece comes in many parts.
    while (waitingBytes >= wantedBytes) {
      const bytes = Buffer.concat(waiting);
      const piece = bytes.subarray(SYNC_PIECE_HEADER_BYTES);
      const length = bytes.readUInt32BE(1);
      if (length > SYNC_PIECE_BYTES) throw new Error(`a piece of ${length} bytes is no sync's`);
      wantedBytes = SYNC_PIECE_HEADER_BYTES + length;
      let rest: Uint8Array = bytes;
      if (piece.length >= length) {
        yield decode(bytes[0], piece.subarray(0, length));
        rest = piece.subarray(length);
        wantedBytes = SYNC_PIECE_HEADER_BYTES;
      }
      waiting = [rest];
      waitingBytes = rest.length;
    }
  }
  if (waitingBytes > 0) throw new Error("the input ended within a piece");
}

function decode(kind: number | undefined, content: Uint8Array): Uint8Array {
  if (kind === SYNC_PIECE.plain) return content;
  if (kind === SYNC_PIECE.zstd) {
    return zstdDecompressSync(content, { maxOutputLength: SYNC_PIECE_BYTES });
  }
  throw new Error(`a piece of kind ${String(kind)} is no sync's`);
}
