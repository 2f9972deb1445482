import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkpointId } from "../protocol/checkpoint.ts";
import { metrics } from "./metrics.ts";

const MINUTE_MS = 60_000;

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "parhelia-metrics-"))));
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, content: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** A checkpoint that was taken so long ago. @returns its id */
function checkpoint(session: string, ageMs: number, reason: string): string {
  const id = checkpointId(new Date(Date.now() - ageMs));
  const files = { "workspace.tar.gz": { bytes: 100, digest: "" } };
  const state = { version: 1, session, id, reason, conversations: 2, files };
  put(`checkpoints/${session}/history/${id}/state.json`, JSON.stringify(state));
  put(`checkpoints/${session}/history/${id}/workspace.tar.gz`, "x".repeat(100));
  return id;
}

test("an empty volume has nothing", async () => {
  const bytes = { config: 0, plugins: 0, checkpoints: 0, workspaces: 0 };
  const result = await metrics({ task: "metrics" }, root);
  expect(result).toMatchObject({ task: "metrics", ok: true, bytes, checkpoints: [] });
});

test("parts, each content once, and checkpoints, newest first", async () => {
  const file = put("config/claude/CLAUDE.md", "twelve bytes");
  linkSync(file, join(root, "config/claude/again.md"));
  symlinkSync("/etc/passwd", join(root, "config/claude/link"));
  const old = checkpoint("work", 10 * MINUTE_MS, "timer");
  const latest = checkpoint("work", MINUTE_MS, "request");
  symlinkSync(`history/${latest}`, join(root, "checkpoints/work/latest"));
  put("checkpoints/work/history/20260101T000000.000Z.partial/state.json", "{");
  const { bytes, checkpoints } = await metrics({ task: "metrics" }, root);
  expect(bytes.config).toBe(12);
  expect(bytes.checkpoints).toBeGreaterThan(200);
  const common = { session: "work", bytes: 100, conversations: 2, damaged: false };
  expect(checkpoints).toMatchObject([
    { ...common, id: latest, reason: "request", isLatest: true },
    { ...common, id: old, reason: "timer", isLatest: false },
  ]);
  expect(checkpoints[1]?.ageSeconds).toBeGreaterThanOrEqual(600);
});

test("a checkpoint that lacks something is said to be damaged", async () => {
  const id = checkpoint("work", MINUTE_MS, "timer");
  put(`checkpoints/work/history/${id}/workspace.tar.gz`, "x");
  const empty = checkpointId(new Date(Date.now() - 5 * MINUTE_MS));
  mkdirSync(join(root, "checkpoints/work/history", empty));
  const { checkpoints } = await metrics({ task: "metrics" }, root);
  expect(checkpoints).toMatchObject([
    { id, damaged: true, reason: "timer" },
    { id: empty, damaged: true, reason: null, bytes: 0 },
  ]);
});
