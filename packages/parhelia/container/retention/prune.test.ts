import {
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeUpCheckpoint } from "../../../../test/support/made-up-checkpoints.ts";
import type { PruneTask, RetentionPolicy } from "../protocol/retention.ts";
import { prune, volumeUsage } from "./prune.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const policy: RetentionPolicy = {
  keepLast: 1,
  keepHourly: 0,
  keepDaily: 0,
  checkpointMaxAgeMs: 30 * DAY_MS,
  workspaceUnusedMs: 30 * DAY_MS,
};

let root: string;
const at = (path: string) => join(root, path);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parhelia-retention-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, content: string, agoMs = 0): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
  const time = new Date(Date.now() - agoMs);
  for (const changed of [at(path), dirname(at(path))]) lutimesSync(changed, time, time);
}

const checkpoint = (session: string, agoMs: number, shared?: string) =>
  makeUpCheckpoint(root, session, agoMs, shared === undefined ? {} : { shared });

function run(task: Partial<PruneTask> = {}) {
  return prune({ task: "prune", policy, running: [], dryRun: false, ...task }, root);
}

const history = (session: string) => readdirSync(at(`checkpoints/${session}/history`));

describe("open question 1: prune on a volume", () => {
  test("removes what the plan says, and a dry run nothing", async () => {
    const first = checkpoint("work", 2 * HOUR_MS);
    const second = checkpoint("work", HOUR_MS, first);
    const planned = await run({ dryRun: true });
    expect(planned.removed.map(({ path }) => path)).toEqual([`checkpoints/work/history/${first}`]);
    expect(history("work")).toEqual([first, second]);
    const done = await run();
    expect(done).toEqual({ ...planned, dryRun: false });
    expect(history("work")).toEqual([second]);
    expect(existsSync(at("checkpoints/work/latest/workspace.tar.gz"))).toBe(true);
    expect((await run()).removed).toEqual([]);
  });

  test("keeps the newest checkpoint that can be read to its end, not one of the right size", async () => {
    const first = checkpoint("work", 3 * HOUR_MS);
    const second = checkpoint("work", 2 * HOUR_MS);
    const third = checkpoint("work", HOUR_MS);
    put(`checkpoints/work/history/${third}/workspace.tar.gz`, "X".repeat(500));
    const { removed } = await run();
    expect(removed.map(({ path }) => path)).toEqual([`checkpoints/work/history/${first}`]);
    expect(history("work")).toEqual([second, third]);
  });

  test("leaves a running session alone", async () => {
    checkpoint("work", 2 * HOUR_MS);
    checkpoint("work", HOUR_MS);
    expect((await run({ running: ["work"] })).removed).toEqual([]);
    expect(history("work")).toHaveLength(2);
  });

  test("takes a removed session away wholly", async () => {
    checkpoint("gone", HOUR_MS);
    put("checkpoints/gone/removed", "");
    expect((await run()).ok).toBe(true);
    expect(existsSync(at("checkpoints/gone"))).toBe(false);
  });

  test("takes an unused tree and its project away, but not one that no whole checkpoint has", async () => {
    const project = "workspaces/p-0123456789abcdef";
    put(`${project}/docs/file`, "x", 40 * DAY_MS);
    put(`${project}/repository.git/HEAD`, "x", 40 * DAY_MS);
    lutimesSync(at(project), new Date(0), new Date(0));
    const old = checkpoint("docs", 35 * DAY_MS);
    put(`checkpoints/docs/history/${old}/workspace.tar.gz`, "X".repeat(500));
    expect((await run()).removed).toEqual([]);
    checkpoint("docs", 34 * DAY_MS);
    const { removed } = await run();
    expect(removed.map(({ path }) => path)).toContain(`${project}/docs`);
    expect(existsSync(at(project))).toBe(false);
    expect(history("docs")).toHaveLength(1);
  });

  test("says what it could not remove, and goes on", async () => {
    const first = checkpoint("a", 2 * HOUR_MS);
    checkpoint("a", HOUR_MS);
    const other = checkpoint("b", 2 * HOUR_MS);
    checkpoint("b", HOUR_MS);
    // A checkpoint is moved to this name before it is removed.
    put(`checkpoints/a/history/${first}.partial`, "in the way");
    const { ok, removed, failures } = await run();
    expect(ok).toBe(false);
    expect(removed.map(({ path }) => path)).toEqual([`checkpoints/b/history/${other}`]);
    expect(failures).toMatchObject([{ path: `checkpoints/a/history/${first}` }]);
    expect(history("a")).toContain(first);
  });
});

describe("open question 1: usage of a volume", () => {
  test("by kind, session and project; a file with two names counts once", async () => {
    const first = checkpoint("work", 3 * DAY_MS);
    checkpoint("work", HOUR_MS, first);
    put("config/claude/CLAUDE.md", "12345");
    put("plugins/cache/x", "123");
    put("stray", "1");
    put("workspaces/p-0123456789abcdef/work/file", "1234567");
    put("workspaces/p-0123456789abcdef/repository.git/HEAD", "12");
    put("workspaces/alone/file", "1234");
    const usage = await volumeUsage({ task: "volume-usage" }, root);
    expect(usage.kinds).toMatchObject({ config: 5, plugins: 3, workspaces: 13, other: 1 });
    const [alone, work] = usage.sessions;
    expect(alone).toMatchObject({ name: "alone", checkpoints: 0, workspaceBytes: 4 });
    expect(work).toMatchObject({ name: "work", checkpoints: 2, workspaceBytes: 7, removed: false });
    expect(work?.checkpointBytes).toBe(usage.kinds.checkpoints);
    // Both within the last week, and the first three days ago.
    const perDay = usage.kinds.checkpoints / 3;
    expect(work?.growthBytesPerDay).toBeGreaterThan(perDay - 2);
    expect(work?.growthBytesPerDay).toBeLessThan(perDay + 2);
    expect(usage.projects).toMatchObject([
      { project: "p-0123456789abcdef", sharedBytes: 2, treeBytes: 7, sessions: ["work"] },
    ]);
  });

  test("an empty volume", async () => {
    const usage = await volumeUsage({ task: "volume-usage" }, root);
    expect(usage).toMatchObject({ bytes: 0, growthBytesPerDay: 0, sessions: [], projects: [] });
  });
});
