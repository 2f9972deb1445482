import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { claimHome, homesIn, prepareHomes } from "./home-claims.ts";

const folder = mkdtempSync(join(tmpdir(), "home-claims-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("no two files have the same home at a time, and the next one has what became free", () => {
  prepareHomes(folder);
  const [first, second] = [claimHome(folder), claimHome(folder)];
  expect([first.directory, second.directory]).toEqual([join(folder, "1"), join(folder, "2")]);
  first.release();
  expect(claimHome(folder).directory).toBe(first.directory);
  mkdirSync(second.directory);
  expect(homesIn(folder)).toEqual([second.directory]);
  // As after a run that was cut off.
  prepareHomes(folder);
  expect(claimHome(folder).directory).toBe(first.directory);
});
