/**
 * The port forward's frames, over the standard input and output of one exec: connection id (4 bytes),
 * kind (1 byte), payload length (4 bytes), payload; numbers big-endian.
 *
 * The sandbox's side starts with `listening`. It opens connections; both sides send `data`, `end` (no
 * more data from here, the other direction stays open), `close` (gone, or never came about) and
 * `credit`: a side has at most WINDOW_BYTES and one chunk under way that the other has not credited, so
 * that a slow connection holds up itself and no other.
 */

export const FRAME_KIND = { listening: 0, open: 1, data: 2, end: 3, close: 4, credit: 5 } as const;

export type FrameKind = keyof typeof FRAME_KIND;

export interface Frame {
  /** 0 in `listening`; otherwise chosen by the sandbox's side, once. */
  readonly connection: number;
  readonly kind: FrameKind;
  /** Of `data` the bytes, of `listening` and `credit` a number (`numberPayload`), else empty. */
  readonly payload: Uint8Array;
}

/** Bytes of one connection and direction that may be under way. */
export const WINDOW_BYTES = 256 * 1024;

/** A longer payload is a broken stream: chunks of a socket are 64 KiB. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024;

const HEADER_BYTES = 9;
const NO_PAYLOAD = new Uint8Array(0);
const KINDS = Object.keys(FRAME_KIND) as FrameKind[];

export function encodeFrame(
  kind: FrameKind,
  connection: number,
  payload: Uint8Array = NO_PAYLOAD,
): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, connection);
  view.setUint8(4, FRAME_KIND[kind]);
  view.setUint32(5, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/**
 * Takes the whole frames off the front of `bytes`.
 * @returns them, and the bytes that are left: the beginning of a frame, or none. Both are views of `bytes`.
 * @throws RangeError when these are no frames.
 */
export function decodeFrames(bytes: Uint8Array): { frames: Frame[]; rest: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Frame[] = [];
  let offset = 0;
  while (bytes.length - offset >= HEADER_BYTES) {
    const kind = KINDS[view.getUint8(offset + 4)];
    const length = view.getUint32(offset + 5);
    if (kind === undefined || length > MAX_PAYLOAD_BYTES)
      throw new RangeError("not a frame of the port forward");
    const end = offset + HEADER_BYTES + length;
    if (bytes.length < end) break;
    frames.push({
      connection: view.getUint32(offset),
      kind,
      payload: bytes.subarray(offset + HEADER_BYTES, end),
    });
    offset = end;
  }
  return { frames, rest: bytes.subarray(offset) };
}

/** A number below 2³² as a payload. */
export function numberPayload(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** The number of a `listening` or `credit` frame. */
export function readNumber(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getUint32(0);
}
