import { expect, test } from "vitest";
import type { RunningSandbox } from "../modal/sandboxes.ts";
import { estimateCost } from "./estimate-cost.ts";
import { isOrphan } from "./orphans.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse("2026-11-25T12:00:00Z");

const rates = {
  asOf: "2026-01-01",
  cpuCoreHour: 0.1,
  memoryGibHour: 0.01,
  gpuHour: { A10G: 1 },
  broadRegionFactor: 1.5,
  narrowRegionFactor: 2,
};

function sandbox(options: Partial<RunningSandbox> = {}): RunningSandbox {
  return {
    sandboxId: "sb-1",
    appId: "ap-1",
    name: "work",
    createdAt: new Date(NOW_MS - 2 * HOUR_MS),
    timeoutMs: 3 * HOUR_MS,
    tags: {},
    regions: [],
    resources: { cpu: 4, memoryMiB: 16_384, gpu: undefined },
    ...options,
  };
}

const withGpu = (gpu: string) => sandbox({ resources: { cpu: 0, memoryMiB: 0, gpu } });

test("the reservation is counted by the hour, GPUs by their number", () => {
  expect(estimateCost(sandbox(), rates, NOW_MS)).toBeCloseTo(2 * (0.4 + 0.16));
  expect(estimateCost(withGpu("A10G"), rates, NOW_MS)).toBeCloseTo(2);
  expect(estimateCost(withGpu("a10g:2"), rates, NOW_MS)).toBeCloseTo(4);
  expect(estimateCost(withGpu("X9"), rates, NOW_MS)).toBeUndefined();
});

test("SPEC-01.11b: a chosen region costs more, a narrow one most", () => {
  const cost = (...regions: string[]) => estimateCost(sandbox({ regions }), rates, NOW_MS);
  expect(cost("us", "eu")).toBeCloseTo(1.12 * 1.5);
  expect(cost("us-east")).toBeCloseTo(1.12 * 2);
  expect(cost("us", "eu-west")).toBeCloseTo(1.12 * 2);
});

test("an orphan is of this owner and past its time, or a task's sandbox past its own", () => {
  const session = (owner: string, expiresInMs: number) =>
    sandbox({
      tags: {
        "parhelia-session": "work",
        "parhelia-owner": owner,
        "parhelia-expires-at": new Date(NOW_MS + expiresInMs).toISOString(),
      },
    });
  const found = (one: RunningSandbox) => isOrphan(one, "me@here", NOW_MS);
  expect(found(session("me@here", -1_000))).toBe(true);
  expect(found(session("me@here", 1_000))).toBe(false);
  expect(found(session("you@there", -1_000))).toBe(false);
  const task = { tags: { "parhelia-task": "prune" } };
  expect(found(sandbox({ ...task, timeoutMs: HOUR_MS }))).toBe(true);
  expect(found(sandbox(task))).toBe(false);
  expect(found(sandbox({ timeoutMs: 1_000 }))).toBe(false);
});
