import { describe, expect, test } from "vitest";
import { checkpointId } from "../protocol/checkpoint.ts";
import type { RetentionPolicy } from "../protocol/retention.ts";
import type { ListedCheckpoint, ListedSession, ListedTree, VolumeListing } from "./listing.ts";
import { planPrune } from "./plan-prune.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.parse("2026-11-25T12:30:00Z");

const policy: RetentionPolicy = {
  keepLast: 2,
  keepHourly: 0,
  keepDaily: 0,
  checkpointMaxAgeMs: 30 * DAY_MS,
  workspaceUnusedMs: 30 * DAY_MS,
};

/** A checkpoint of so long ago, with a file of its own, and those that it shares. */
function checkpoint(
  agoMs: number,
  options: { bytes?: number; shared?: [id: string, bytes: number]; damaged?: boolean } = {},
): ListedCheckpoint {
  const id = checkpointId(new Date(NOW_MS - agoMs));
  const shared = options.shared === undefined ? [] : [options.shared];
  return {
    id,
    takenAtMs: NOW_MS - agoMs,
    files: [
      { id: `own-${id}`, bytes: options.bytes ?? 10 },
      ...shared.map(([file, bytes]) => ({ id: file, bytes })),
    ],
    damaged: options.damaged ?? false,
  };
}

function session(
  name: string,
  checkpoints: readonly ListedCheckpoint[],
  options: Partial<ListedSession> = {},
): ListedSession {
  return {
    name,
    removed: false,
    latest: checkpoints[0]?.id,
    checkpoints,
    leftovers: [],
    ...options,
  };
}

function tree(path: string, agoMs: number, options: Partial<ListedTree> = {}): ListedTree {
  return {
    path,
    session: path.split("/").at(-1) ?? "",
    project: undefined,
    movedAside: false,
    bytes: 100,
    changedAtMs: NOW_MS - agoMs,
    ...options,
  };
}

function listing(parts: Partial<VolumeListing>): VolumeListing {
  const kinds = { config: 0, plugins: 0, checkpoints: 0, workspaces: 0, other: 0 };
  return { kinds, sessions: [], trees: [], projects: [], ...parts };
}

interface Case {
  readonly policy?: Partial<RetentionPolicy>;
  readonly running?: readonly string[];
}

/** What goes, as `path: reason`, without the directories that all have. */
function goes(parts: Partial<VolumeListing>, { policy: own, running = [] }: Case = {}): string[] {
  const { items } = planPrune(listing(parts), { ...policy, ...own }, NOW_MS, running);
  return items.map(({ path, reason }) => `${path}: ${reason}`);
}

const ago = (agoMs: number) => checkpointId(new Date(NOW_MS - agoMs));
const inHistory = (name: string, agoMs: number) => `checkpoints/${name}/history/${ago(agoMs)}`;

describe("open question 1, by count", () => {
  const minutely = session(
    "work",
    Array.from({ length: 6 }, (_, index) => checkpoint(index * MINUTE_MS)),
  );

  test("the newest stay, so many as the policy says", () => {
    expect(goes({ sessions: [minutely] })).toEqual([
      `${inHistory("work", 2 * MINUTE_MS)}: thinned`,
      `${inHistory("work", 3 * MINUTE_MS)}: thinned`,
      `${inHistory("work", 4 * MINUTE_MS)}: thinned`,
      `${inHistory("work", 5 * MINUTE_MS)}: thinned`,
    ]);
    expect(goes({ sessions: [minutely] }, { policy: { keepLast: 6 } })).toEqual([]);
  });

  test("beyond them, the newest of each hour that has one, and of each day", () => {
    const ages = [0, 0.6, 0.7, 5, 5.1, 30, 30.1, 60].map((hours) => hours * HOUR_MS);
    const sessions = [
      session(
        "work",
        ages.map((age) => checkpoint(age)),
      ),
    ];
    const byHour = goes({ sessions }, { policy: { keepLast: 1, keepHourly: 3 } });
    // Hours are those of the clock: 12:30, 11:54 and 11:48, 07:30 and 07:24, ...
    expect(byHour).toEqual(
      [0.7, 5.1, 30, 30.1, 60].map((hours) => `${inHistory("work", hours * HOUR_MS)}: thinned`),
    );
    const byDay = goes({ sessions }, { policy: { keepLast: 1, keepDaily: 3 } });
    expect(byDay).toEqual(
      [0.6, 0.7, 5, 5.1, 30.1].map((hours) => `${inHistory("work", hours * HOUR_MS)}: thinned`),
    );
  });

  test("each session for itself", () => {
    const one = session("one", [checkpoint(0), checkpoint(1), checkpoint(2)]);
    const other = session("other", [checkpoint(0), checkpoint(1)]);
    expect(goes({ sessions: [one, other] })).toEqual([`${inHistory("one", 2)}: thinned`]);
  });
});

describe("open question 1, by age", () => {
  const old = [31, 32, 33].map((days) => checkpoint(days * DAY_MS));

  test("what is too old goes, whatever the counts, but never a session's last checkpoint", () => {
    expect(goes({ sessions: [session("work", old)] }, { policy: { keepLast: 10 } })).toEqual([
      `${inHistory("work", 32 * DAY_MS)}: too old`,
      `${inHistory("work", 33 * DAY_MS)}: too old`,
    ]);
  });

  test("nor the last one that is whole, where newer ones are damaged", () => {
    const checkpoints = [
      checkpoint(31 * DAY_MS, { damaged: true }),
      checkpoint(32 * DAY_MS, { damaged: true }),
      checkpoint(33 * DAY_MS),
      checkpoint(34 * DAY_MS),
    ];
    expect(goes({ sessions: [session("work", checkpoints)] })).toEqual([
      `${inHistory("work", 32 * DAY_MS)}: too old`,
      `${inHistory("work", 34 * DAY_MS)}: too old`,
    ]);
  });
});

describe("open question 1, damaged and unfinished checkpoints", () => {
  test("a damaged one goes when a newer one is whole, and takes no other's place", () => {
    const checkpoints = [
      checkpoint(0, { damaged: true }),
      checkpoint(1),
      checkpoint(2, { damaged: true }),
      checkpoint(3),
      checkpoint(4),
    ];
    const sessions = [session("work", checkpoints, { latest: ago(1) })];
    expect(goes({ sessions })).toEqual([
      `${inHistory("work", 2)}: damaged`,
      `${inHistory("work", 4)}: thinned`,
    ]);
  });

  test("where all are damaged, none goes for that", () => {
    const checkpoints = [checkpoint(0, { damaged: true }), checkpoint(1, { damaged: true })];
    expect(goes({ sessions: [session("work", checkpoints)] })).toEqual([]);
  });

  test("what `latest` leads to stays, even when it is old and damaged", () => {
    const checkpoints = [checkpoint(0), checkpoint(40 * DAY_MS, { damaged: true })];
    const sessions = [session("work", checkpoints, { latest: ago(40 * DAY_MS) })];
    expect(goes({ sessions })).toEqual([]);
  });

  test("what a writer left behind goes after an hour", () => {
    const leftovers = [
      { name: "young.partial", bytes: 5, changedAtMs: NOW_MS - 59 * MINUTE_MS },
      { name: "old.partial", bytes: 7, changedAtMs: NOW_MS - 61 * MINUTE_MS },
    ];
    const sessions = [session("work", [checkpoint(0)], { leftovers })];
    expect(goes({ sessions })).toEqual(["checkpoints/work/history/old.partial: unfinished"]);
  });
});

describe("open question 1, by size", () => {
  const base: [string, number] = ["base", 1_000];
  const one = session("one", [
    checkpoint(1 * HOUR_MS, { bytes: 100, shared: base }),
    checkpoint(3 * HOUR_MS, { bytes: 100, shared: base }),
  ]);
  const other = session("other", [
    checkpoint(2 * HOUR_MS, { bytes: 300 }),
    checkpoint(4 * HOUR_MS, { bytes: 300 }),
  ]);

  test("above the ceiling the oldest of all sessions go first, and no more than needed", () => {
    const sessions = [one, other]; // 1,800 bytes
    expect(goes({ sessions }, { policy: { maxCheckpointBytes: 1_800 } })).toEqual([]);
    expect(goes({ sessions }, { policy: { maxCheckpointBytes: 1_500 } })).toEqual([
      `${inHistory("other", 4 * HOUR_MS)}: over the ceiling`,
    ]);
    expect(goes({ sessions }, { policy: { maxCheckpointBytes: 1_499 } })).toEqual([
      `${inHistory("other", 4 * HOUR_MS)}: over the ceiling`,
      `${inHistory("one", 3 * HOUR_MS)}: over the ceiling`,
    ]);
  });

  test("a session's last one stays also above it, and what is left is said", () => {
    const plan = planPrune(
      listing({ sessions: [one, other] }),
      { ...policy, maxCheckpointBytes: 1 },
      NOW_MS,
      [],
    );
    expect(plan.items).toHaveLength(2);
    expect(plan.checkpointBytes).toBe(1_100 + 300);
  });

  test("a file that others share is freed with the last of them", () => {
    const { items } = planPrune(
      listing({ sessions: [one] }),
      { ...policy, maxCheckpointBytes: 1_150 },
      NOW_MS,
      [],
    );
    expect(items.map(({ bytes }) => bytes)).toEqual([100]);
    const removed = { ...one, removed: true };
    const all = planPrune(listing({ sessions: [removed] }), policy, NOW_MS, []);
    expect(all.items.map(({ bytes }) => bytes)).toEqual([1_200]);
  });
});

describe("open question 1, sessions that were removed or run", () => {
  const many = [0, 1, 2, 3].map((age) => checkpoint(age));

  test("a removed session's checkpoints go wholly", () => {
    expect(goes({ sessions: [session("gone", many, { removed: true })] })).toEqual([
      "checkpoints/gone: session removed",
    ]);
  });

  test("but the mark of its removal stays as long as a tree of it", () => {
    const sessions = [session("gone", many, { removed: true })];
    const trees = [tree("workspaces/gone", 1 * DAY_MS)];
    expect(goes({ sessions, trees })).toEqual(["checkpoints/gone/history: session removed"]);
    const bare = [session("gone", [], { removed: true })];
    expect(goes({ sessions: bare, trees })).toEqual([]);
    const old = [session("gone", [checkpoint(40 * DAY_MS)], { removed: true })];
    const unused = [tree("workspaces/gone", 31 * DAY_MS)];
    expect(goes({ sessions: old, trees: unused })).toEqual([
      "workspaces/gone: unused",
      "checkpoints/gone: session removed",
    ]);
  });

  test("nothing of a running session goes by any rule", () => {
    const old = [31, 32].map((days) => checkpoint(days * DAY_MS, { damaged: days === 32 }));
    const leftovers = [{ name: "x.partial", bytes: 1, changedAtMs: 0 }];
    const sessions = [
      session("work", old, { leftovers }),
      session("again", many, { removed: true }),
    ];
    const trees = [
      tree("workspaces/p-0123456789abcdef/work", 90 * DAY_MS, { project: "p-0123456789abcdef" }),
      tree("workspaces/again", 90 * DAY_MS),
    ];
    const projects = [{ name: "p-0123456789abcdef", bytes: 1, changedAtMs: 0 }];
    const parts = { sessions, trees, projects };
    const strict = { keepLast: 1, maxCheckpointBytes: 0 };
    expect(goes(parts, { policy: strict, running: ["work", "again"] })).toEqual([]);
    expect(goes(parts, { policy: strict })).not.toEqual([]);
  });
});

describe("open question 1, workspaces", () => {
  const PROJECT = "p-0123456789abcdef";
  const path = `workspaces/${PROJECT}/work`;
  const projects = [{ name: PROJECT, bytes: 1_000, changedAtMs: NOW_MS - 90 * DAY_MS }];
  const inProject = (agoMs: number) => tree(path, agoMs, { project: PROJECT });

  test("an unused one goes, and with a project's last one what they shared", () => {
    const sessions = [session("work", [checkpoint(40 * DAY_MS)])];
    expect(goes({ sessions, trees: [inProject(31 * DAY_MS)], projects })).toEqual([
      `${path}: unused`,
      `workspaces/${PROJECT}: unused`,
    ]);
    expect(goes({ sessions, trees: [inProject(29 * DAY_MS)], projects })).toEqual([]);
  });

  test("a project whose store was filled lately stays, without any tree", () => {
    expect(goes({ projects: [{ name: PROJECT, bytes: 1, changedAtMs: NOW_MS }] })).toEqual([]);
  });

  test("a checkpoint counts as use", () => {
    const sessions = [session("work", [checkpoint(1 * DAY_MS)])];
    expect(goes({ sessions, trees: [inProject(90 * DAY_MS)], projects })).toEqual([]);
  });

  test("what no whole checkpoint has stays, unless its session was removed", () => {
    const trees = [tree("workspaces/work", 90 * DAY_MS)];
    expect(goes({ trees })).toEqual([]);
    const damaged = [checkpoint(40 * DAY_MS, { damaged: true })];
    expect(goes({ trees, sessions: [session("work", damaged)] })).toEqual([]);
    expect(goes({ trees, sessions: [session("work", [], { removed: true })] })).toEqual([
      "workspaces/work: unused",
      "checkpoints/work: session removed",
    ]);
  });

  test("a tree that was moved aside goes by its own age", () => {
    const sessions = [session("work", [checkpoint(0)])];
    const moved = (agoMs: number) =>
      tree("workspaces/work.before-x", agoMs, { session: "work", movedAside: true });
    expect(goes({ sessions, trees: [moved(29 * DAY_MS)] })).toEqual([]);
    expect(goes({ sessions, trees: [moved(31 * DAY_MS)] })).toEqual([
      "workspaces/work.before-x: unused",
    ]);
  });
});
