import { describe, expect, test } from "vitest";
import { OffsetWriter } from "./offset-writer.ts";

function recorder() {
  const seen = { text: "", ends: 0, opened: 0 };
  const writer = new OffsetWriter(() => {
    seen.opened++;
    return Promise.resolve({
      write: (data: Uint8Array) => {
        seen.text += Buffer.from(data).toString();
        return Promise.resolve();
      },
      end: () => {
        seen.ends++;
      },
    });
  });
  return {
    seen,
    write: (offset: number, text: string, eof = false) =>
      writer.write(offset, Buffer.from(text), eof),
    writer,
  };
}

describe("input with offsets", () => {
  test("writes a repeated piece once, and of an overlapping one what is new", async () => {
    const { seen, write, writer } = recorder();
    await write(0, "hello ");
    await write(0, "hello ");
    await write(3, "lo world");
    expect(seen.text).toBe("hello world");
    expect(writer.written).toBe(11);
    expect(seen.opened).toBe(1);
  });

  test("keeps the order of pieces that come at once", async () => {
    const { seen, write } = recorder();
    await Promise.all([write(0, "a"), write(1, "b"), write(2, "c", true)]);
    expect(seen).toMatchObject({ text: "abc", ends: 1 });
  });

  test("refuses a gap, and data behind the end", async () => {
    const { write, writer } = recorder();
    await expect(write(1, "x")).rejects.toThrow(/leaves a gap/);
    await write(0, "x", true);
    expect(writer.closed).toBe(true);
    await expect(write(1, "y")).rejects.toThrow(/closed/);
    await write(0, "x", true);
  });

  test("closes at offset 0, as the SDK does when it does not know how much has arrived", async () => {
    const { seen, write } = recorder();
    await write(0, "data");
    await write(0, "", true);
    expect(seen.ends).toBe(1);
  });
});
