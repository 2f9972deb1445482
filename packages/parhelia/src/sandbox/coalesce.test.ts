import { PassThrough, Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { coalesce } from "./coalesce.ts";

test("hands on every byte in order, small pieces together while the reader is busy", async () => {
  const pieces = Array.from({ length: 3000 }, (_, index) => Buffer.alloc(1000, index % 251));
  const received: Buffer[] = [];
  for await (const chunk of coalesce(Readable.from(pieces, { objectMode: false }))) {
    received.push(chunk);
    await sleep(1);
  }
  expect(Buffer.concat(received).equals(Buffer.concat(pieces))).toBe(true);
  expect(received.length).toBeLessThan(300);
  expect(Math.max(...received.map((chunk) => chunk.length))).toBeLessThanOrEqual(1024 * 1024);
});

test("a first byte does not wait for a second one", async () => {
  const source = new PassThrough();
  const chunks = coalesce(source);
  const first = chunks.next();
  source.write("a");
  expect((await first).value?.toString()).toBe("a");
  source.end();
  expect((await chunks.next()).done).toBe(true);
});

test("a source that is destroyed or fails ends the iteration", async () => {
  const source = new PassThrough();
  const next = coalesce(source).next();
  source.destroy();
  expect((await next).done).toBe(true);

  const failing = new PassThrough();
  const failed = coalesce(failing).next();
  failing.destroy(new Error("input is broken"));
  await expect(failed).rejects.toThrow("input is broken");
});
