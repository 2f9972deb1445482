import { expect, test } from "vitest";
import type { FrameKind } from "./frames.ts";
import {
  decodeFrames,
  encodeFrame,
  FRAME_KIND,
  MAX_PAYLOAD_BYTES,
  numberPayload,
  readNumber,
} from "./frames.ts";

test("every kind of frame comes out as it went in, however the bytes are cut", () => {
  const kinds = Object.keys(FRAME_KIND) as FrameKind[];
  const frames = kinds.map((kind, index) => ({
    connection: 2 ** 32 - 1 - index,
    kind,
    payload: new Uint8Array(index * 7).fill(index),
  }));
  const stream = Buffer.concat(
    frames.map(({ kind, connection, payload }) => encodeFrame(kind, connection, payload)),
  );
  for (const size of [1, 5, 9, stream.length]) {
    const decoded = [];
    let rest: Uint8Array = new Uint8Array(0);
    for (let offset = 0; offset < stream.length; offset += size) {
      const result = decodeFrames(Buffer.concat([rest, stream.subarray(offset, offset + size)]));
      decoded.push(
        ...result.frames.map((frame) => ({ ...frame, payload: new Uint8Array(frame.payload) })),
      );
      rest = result.rest;
    }
    expect(decoded).toEqual(frames);
    expect(rest).toHaveLength(0);
  }
});

test("a frame has the documented layout", () => {
  expect([...encodeFrame("data", 0x01020304, new Uint8Array([0xaa]))]).toEqual([
    1, 2, 3, 4, 2, 0, 0, 0, 1, 0xaa,
  ]);
  expect(readNumber(numberPayload(4_000_000_000))).toBe(4_000_000_000);
});

test("bytes that are no frames are refused", () => {
  const unknownKind = new Uint8Array([0, 0, 0, 1, 99, 0, 0, 0, 0]);
  expect(() => decodeFrames(unknownKind)).toThrow(RangeError);
  const tooLong = new Uint8Array([0, 0, 0, 1, 2, ...numberPayload(MAX_PAYLOAD_BYTES + 1)]);
  expect(() => decodeFrames(tooLong)).toThrow(RangeError);
});
