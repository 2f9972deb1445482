import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { beginFilling, endFilling, expectProject, isIncomplete } from "./incomplete-tree.ts";
import { putAside } from "./put-aside.ts";

let root: string;
let tree: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parhelia-trees-"));
  tree = join(root, "work");
});
afterEach(() => rmSync(root, { recursive: true }));

/** A tree with one file, as it is from its project's first byte to its last one. */
function makeTree(content: string, { isWhole }: { isWhole: boolean }): void {
  mkdirSync(tree, { recursive: true });
  expect(beginFilling(tree)).toBe(true);
  writeFileSync(join(tree, "file"), content);
  if (isWhole) endFilling(tree);
}

const read = (path: string) => readFileSync(join(root, path, "file"), "utf8");

test("of whole trees that were put aside the newest is kept, beside other sessions' trees", () => {
  mkdirSync(join(root, "workshop.before-1"));
  makeTree("first", { isWhole: true });
  expect(putAside(tree, "1")).toBe(`${tree}.before-1`);
  makeTree("second", { isWhole: true });
  expect(putAside(tree, "2")).toBe(`${tree}.before-2`);
  expect(readdirSync(root).sort()).toEqual(["work.before-2", "workshop.before-1"]);
  expect(read("work.before-2")).toBe("second");
});

test("one that was cut off does not take the place of a whole one", () => {
  makeTree("whole", { isWhole: true });
  putAside(tree, "1");
  makeTree("cut off", { isWhole: false });
  expect(putAside(tree, "2")).toBe(`${tree}.before-incomplete`);
  expect([read("work.before-1"), read("work.before-incomplete")]).toEqual(["whole", "cut off"]);
});

test("of what is empty, or not there, nothing is put aside", () => {
  expect(putAside(tree, "1")).toBeNull();
  mkdirSync(tree);
  expect(putAside(tree, "1")).toBeNull();
  expect(readdirSync(root)).toEqual([]);
});

test("a tree is incomplete from before its first file until it is done", () => {
  mkdirSync(tree);
  expect(isIncomplete(tree)).toBe(false);
  expectProject(tree);
  expect(isIncomplete(tree)).toBe(true);
  makeTree("part", { isWhole: false });
  expect(isIncomplete(tree)).toBe(true);
  makeTree("all", { isWhole: true });
  expect([isIncomplete(tree), read("work"), read("work.before-incomplete")]).toEqual([
    false,
    "all",
    "part",
  ]);
});

test("what is complete is neither expected nor filled again", () => {
  makeTree("all", { isWhole: true });
  expectProject(tree);
  expect([isIncomplete(tree), beginFilling(tree), read("work")]).toEqual([false, false, "all"]);
});
