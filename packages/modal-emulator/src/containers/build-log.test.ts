import { expect, test } from "vitest";
import { BuildLog } from "./build-log.ts";

const texts = (log: BuildLog, position = 0) => log.since(position).map(({ text }) => text);

test("lines come whole, whatever pieces they are written in, and the last one without its end", () => {
  const log = new BuildLog();
  const lines: string[] = [];
  const stream = log.writable("stdout", (line) => lines.push(line));
  const bytes = Buffer.from("grün\r\n50%\r100%\nlast");
  for (const byte of bytes) stream.write(Buffer.from([byte]));
  expect(texts(log)).toEqual(["grün\n", "50%\n", "100%\n"]);
  stream.end();
  expect(texts(log, 2)).toEqual(["100%\n", "last\n"]);
  expect(lines).toEqual(["grün", "50%", "100%", "last"]);
});

test("secrets are masked, the longer one first, each line of one that has several", () => {
  const log = new BuildLog();
  log.mask(["token", "token-and-more", "first line\nsecond line", "ab"]);
  expect(log.write("a token-and-more, a token, ab")).toBe("a ***, a ***, ab");
  log.write("second line!");
  expect(texts(log).at(-1)).toBe("***!\n");
});

test("a reader that waits is woken by a line; one behind gets what is still kept", async () => {
  const log = new BuildLog();
  const changed = log.changed();
  log.write("1");
  await changed;
  for (let i = 2; i <= 30_000; i++) log.write(String(i));
  expect(log.end).toBe(30_000);
  expect(texts(log, 29_999)).toEqual(["30000\n"]);
  expect(texts(log, 1).length).toBeLessThanOrEqual(20_000);
  expect(texts(log, 1).at(-1)).toBe("30000\n");
});
