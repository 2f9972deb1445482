import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { RequestLog } from "./request-log.ts";

const directory = mkdtempSync(join(tmpdir(), "request-log-"));
afterAll(() => rmSync(directory, { recursive: true }));

const entry = (method: string) => ({ method, startMs: 1, endMs: 2, status: "OK" });

test("a line is in the file once it is written, after those of the process before", () => {
  const file = join(directory, "requests.log");
  new RequestLog(file).write(entry("/first"));
  new RequestLog(file).write(entry("/second"));
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    entry("/first"),
    entry("/second"),
  ]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("of a file that has grown large, one older part is kept", () => {
  const file = join(directory, "large.log");
  const log = new RequestLog(file);
  const large = `/${"x".repeat(3 * 1024 * 1024)}`;
  for (const method of [large, large, "/after", "/last"]) log.write(entry(method));
  const lines = (part: string) => readFileSync(part, "utf8").trimEnd().split("\n").length;
  expect(lines(`${file}.1`)).toBe(2);
  expect(lines(file)).toBe(2);
});
