import { describe, expect, test } from "vitest";
import { demultiplex } from "./stdio.ts";

function frame(stream: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

async function* inPieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) {
    await Promise.resolve();
    yield data.subarray(at, at + size);
  }
}

describe("the engine's multiplexed output", () => {
  const data = Buffer.concat([frame(1, "out"), frame(2, "error"), frame(1, ""), frame(1, "more")]);

  test.each([1, 3, 7, 8, 9, 1000])("comes apart in pieces of %i bytes", async (size) => {
    const text: [string, string] = ["", ""];
    for await (const chunk of demultiplex(inPieces(data, size))) {
      text[chunk.fd] += chunk.data.toString();
    }
    expect(text).toEqual(["outmore", "error"]);
  });
});
