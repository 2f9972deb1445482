import { dirname } from "node:path";
import { expect, test } from "vitest";
import { checkpointDir, VOLUME_DIRECTORIES, VOLUME_ROOT, workspaceDir } from "./layout.ts";

test("SPEC-01.12: the volume has the specification's structure, and the user writes checkpoints and workspaces", () => {
  const owners = Object.fromEntries(VOLUME_DIRECTORIES.map(({ path, owner }) => [path, owner]));
  expect(owners).toEqual({
    "/vol/parhelia": "root",
    "/vol/parhelia/config": "root",
    "/vol/parhelia/config/claude": "root",
    "/vol/parhelia/config/env": "root",
    "/vol/parhelia/plugins": "root",
    "/vol/parhelia/checkpoints": "user",
    "/vol/parhelia/workspaces": "user",
  });
  expect(checkpointDir("s1")).toBe("/vol/parhelia/checkpoints/s1");
  expect(workspaceDir("work")).toBe("/vol/parhelia/workspaces/work");
  expect(workspaceDir("work", "p-0123")).toBe("/vol/parhelia/workspaces/p-0123/work");
});

test("a directory comes after its parent", () => {
  const seen = new Set([dirname(VOLUME_ROOT)]);
  for (const { path } of VOLUME_DIRECTORIES) {
    expect(seen).toContain(dirname(path));
    seen.add(path);
  }
});
