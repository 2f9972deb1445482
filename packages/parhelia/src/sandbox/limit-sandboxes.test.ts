import { expect, test } from "vitest";
import { UserError } from "../errors.ts";
import type { RunningSandbox } from "../modal/sandboxes.ts";
import { MINUTE_MS } from "../units.ts";
import { checkLimit } from "./limit-sandboxes.ts";

const NOW_MS = Date.parse("2026-11-25T12:00:00Z");

/** The newest first, each a minute older than the one before. */
const running = (...names: string[]): RunningSandbox[] =>
  names.map((name, index) => ({
    sandboxId: `sb-${name}`,
    appId: "ap-1",
    name,
    createdAt: new Date(NOW_MS - (index + 1) * MINUTE_MS),
    timeoutMs: 60 * MINUTE_MS,
    tags: {},
    regions: [],
    resources: { cpu: 4, memoryMiB: 16_384, gpu: undefined },
  }));

const check = (others: RunningSandbox[], maxSandboxes: number, aboveLimit = false) =>
  checkLimit("new", others, { maxSandboxes, aboveLimit }, NOW_MS);

test("below the limit a start says nothing; the one that reaches it warns", () => {
  expect(check([], 5)).toBeUndefined();
  expect(check(running("a", "b", "c"), 5)).toBeUndefined();
  expect(check(running("a", "b", "c", "d"), 5)).toBe(
    "new is number 5 of your running sessions, and [limits] max_sandboxes is 5: the next one is refused",
  );
});

test("above it a start is refused, and named is what runs, the oldest first", () => {
  const refused = () => check(running("b", "a"), 2);
  expect(refused).toThrow(UserError);
  expect(refused).toThrow(
    "2 of your sessions run, and [limits] max_sandboxes is 2: a (for 2 min 0 s), b (for 1 min 0 s)",
  );
  expect(() => check(running("b", "a"), 1)).toThrow(/^2 of your sessions run/);
});

test("forced, it starts with a warning that names them", () => {
  expect(check(running("b", "a"), 2, true)).toBe(
    "new is number 3 of your running sessions, but [limits] max_sandboxes is 2; besides it there are a (for 2 min 0 s), b (for 1 min 0 s)",
  );
});

test("a session of the same name is not one more", () => {
  expect(check(running("new", "a"), 3)).toBeUndefined();
  expect(check(running("new", "a"), 2)).toMatch(/^new is number 2 /);
});

test("of many, only the oldest are named", () => {
  const many = running(...Array.from({ length: 13 }, (_, index) => `s${index}`));
  expect(() => check(many, 5)).toThrow(/: s12 \(.*, s3 \(for 4 min 0 s\), 3 more$/);
});
