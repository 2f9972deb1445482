import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findMissingProgram } from "./missing-program.ts";

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "parhelia-missing-program-"));
  mkdirSync(join(root, "bin/folder"), { recursive: true });
  put("binary", "\x7fELF");
  put("node-script", "#!/usr/bin/env -S A=1 no-such-node --flag\n");
  put("sh-script", "#!/bin/sh -eu\n");
  put("old-script", "#! /no/such/interpreter\n");
  put("data", "text", 0o644);
});
afterAll(() => rmSync(root, { recursive: true }));

function put(name: string, content: string, mode = 0o755): void {
  const path = join(root, "bin", name);
  writeFileSync(path, content);
  chmodSync(path, mode);
}

function missing(command: string, path = `/nonexistent:${root}/bin:/usr/bin:/bin`) {
  return findMissingProgram(command, { environment: { PATH: path }, cwd: root });
}

test.each(["binary", "sh-script", "./bin/binary", "bin/sh-script"])("%s is there", (command) => {
  expect(missing(command)).toBeUndefined();
});

test("a directory of PATH may be relative to the server's own", () => {
  expect(missing("binary", "bin")).toBeUndefined();
});

test.each(["no-such", "./no-such", "folder", "data", "/nonexistent/program"])(
  "%s is missing, or cannot be run",
  (command) => expect(missing(command)).toBe(command),
);

test("of a script, its interpreter may be missing", () => {
  expect(missing("node-script")).toBe("no-such-node");
  expect(missing("old-script")).toBe("/no/such/interpreter");
  expect(missing("sh-script", `${root}/bin`)).toBeUndefined();
});

test("without a PATH, nothing is found by its name", () => {
  expect(findMissingProgram("sh", { environment: {}, cwd: root })).toBe("sh");
});
