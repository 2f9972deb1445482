import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SyncTree } from "../../packages/parhelia/src/layers/sync-tree.ts";
import { connect, type Connection } from "../../packages/parhelia/src/modal/connection.ts";
import { manifestOf } from "../../packages/parhelia/src/sandbox/sync-manifest.ts";
import { pushTree, type PushOptions } from "../../packages/parhelia/src/sandbox/sync-volume.ts";
import { sandboxContainers } from "../support/engine-things.ts";
import { eventually } from "../support/eventually.ts";
import { startProgram } from "../support/run-program.ts";
import { publishImage, Session, useOwnHome } from "../support/shared-home.ts";
import { madeUpTree, treeFromDirectory } from "../support/tree-from-directory.ts";
import { keptBySyncs, settledFiles, syncedFiles } from "../support/volume-content.ts";

const CLAUDE = "config/claude";
const MCP_CONFIG = `${CLAUDE}/mcp_config.json`;
const PUSH_DIRECTORY = resolve(import.meta.dirname, "../support/push-directory.ts");

const home = useOwnHome(); // its volume is this file's alone
const directory = mkdtempSync(join(tmpdir(), "parhelia-sync-"));
let connection: Connection;

beforeAll(async () => {
  await publishImage(home);
  // Where the SDK and the emulator's launcher look, in this process.
  for (const [name, value] of Object.entries(home.env)) if (value) process.env[name] = value;
  connection = await connect({ target: "local" });
});

afterAll(() => {
  connection.close();
  rmSync(directory, { recursive: true });
});

async function place() {
  const { client, appName } = connection;
  const [app, image] = await Promise.all([
    client.apps.fromName(appName, { createIfMissing: true }),
    client.images.fromName("parhelia-cpu"),
  ]);
  return { app, image };
}

const push = (tree: SyncTree, options: Partial<PushOptions> = {}) =>
  pushTree(connection, tree, { place, ...options });

/** What the volume should have of a tree. */
function expected(tree: SyncTree) {
  return new Map([...tree].map(([path, { sha256, mode }]) => [path, { sha256, mode, uid: 0 }]));
}

const BEGINNING = madeUpTree({
  [`${CLAUDE}/CLAUDE.md`]: "memory",
  [`${CLAUDE}/settings.json`]: "{}",
  [`${CLAUDE}/skills/größe & co/SKILL.md`]: "a skill",
  [`${CLAUDE}/skills/größe & co/${"long ".repeat(40)}/${"name ".repeat(40)}`]: "a long path",
  [`${CLAUDE}/empty file`]: "",
  [`${CLAUDE}/agents/reviewer.md`]: "an agent",
  [MCP_CONFIG]: '{"mcpServers":{}}',
  "plugins/marketplaces/mine/日本語/ファイル.md": "a plugin",
  "plugins/marketplaces/mine/big.bin": Buffer.alloc(5 * 1024 * 1024 + 3, "ä"),
});

describe("a tree is synced to the volume", () => {
  test("the first time, before any session has used the volume", async () => {
    const result = await push(BEGINNING);
    const sentBytes = [...BEGINNING.values()].reduce((sum, { size }) => sum + size, 0);
    expect(result).toEqual({
      changed: true,
      sentFiles: BEGINNING.size,
      sentBytes,
      removedFiles: 0,
      keptEdited: [],
      sessions: [],
    });
    expect(await syncedFiles(home)).toEqual(expected(BEGINNING));
  });

  test("without a change: nothing is sent, and no sandbox is started", async () => {
    await eventually("the sync's sandbox has gone", 20_000, noSandbox);
    const asked = () => Promise.reject(new Error("asked for a place"));
    expect(await push(BEGINNING, { place: asked })).toMatchObject({ changed: false, sentFiles: 0 });
  });

  test("with one file changed, one gone, and one executable: just these", async () => {
    const script = madeUpTree({ x: "#!/bin/sh\n" }).get("x");
    if (script === undefined) throw new Error("no file");
    const tree = new Map([
      ...BEGINNING,
      ...madeUpTree({ [`${CLAUDE}/CLAUDE.md`]: "other memory" }),
      [`${CLAUDE}/hooks/run`, { ...script, mode: 0o755 }] as const,
    ]);
    tree.delete(`${CLAUDE}/agents/reviewer.md`);
    expect(await push(tree)).toMatchObject({ sentFiles: 2, sentBytes: 22, removedFiles: 1 });
    expect(await syncedFiles(home)).toEqual(expected(tree));

    const plain = new Map([...tree, [`${CLAUDE}/hooks/run`, script] as const]);
    expect(await push(plain)).toMatchObject({ sentFiles: 1, removedFiles: 0 });
    expect(await syncedFiles(home)).toEqual(expected(plain));
  });

  test("again in full where a file has gone from the volume", async () => {
    await push(BEGINNING);
    const session = new Session(home, "breaks");
    await session.up();
    try {
      await session.asRoot(["rm", `/vol/parhelia/${CLAUDE}/settings.json`]);
      await session.commit();
      const tree = new Map([...BEGINNING, ...madeUpTree({ [`${CLAUDE}/more.md`]: "more" })]);
      expect(await push(tree)).toMatchObject({ sentFiles: tree.size });
      expect(await syncedFiles(home)).toEqual(expected(tree));
    } finally {
      await session.stop();
    }
  });

  test("an edit of mcp_config.json on the volume is kept and reported, unless it shall go", async () => {
    await push(BEGINNING);
    const session = new Session(home, "edits");
    await session.up();
    try {
      const edit = '{"mcpServers":{"mine":{"command":"true"}}}';
      await session.asRoot(["sh", "-c", `printf '%s' '${edit}' >/vol/parhelia/${MCP_CONFIG}`]);
      await session.commit();
      const tree = new Map([
        ...BEGINNING,
        ...madeUpTree({ [MCP_CONFIG]: '{"mcpServers":{"b":{}}}' }),
      ]);
      const kept = await push(tree);
      expect(kept.keptEdited).toEqual([MCP_CONFIG]);
      expect(kept.sessions).toEqual([
        { name: session.name, reloadFailure: undefined, runningClaudes: 0 },
      ]);
      expect(await session.output(["cat", `/vol/parhelia/${MCP_CONFIG}`])).toBe(edit);
      const replaced = await push(tree, { overwriteEdited: true });
      expect(replaced).toMatchObject({ sentFiles: 1, keptEdited: [] });
      const file = (await syncedFiles(home)).get(MCP_CONFIG);
      expect(file).toEqual(expected(tree).get(MCP_CONFIG));
    } finally {
      await session.stop();
    }
  });

  test("refuses a file that changed meanwhile, and leaves the volume as it was", async () => {
    const before = await syncedFiles(home);
    const [path, file] = [...madeUpTree({ [`${CLAUDE}/changing`]: "12345" })][0] ?? [];
    if (path === undefined || file === undefined) throw new Error("no file");
    const changing = { ...file, read: () => Buffer.from("54321") };
    await expect(push(new Map([...BEGINNING, [path, changing]]))).rejects.toThrow(
      /changing changed on this machine/,
    );
    const unreadable = {
      ...file,
      read: () => {
        throw new Error("it is gone");
      },
    };
    await expect(push(new Map([...BEGINNING, [path, unreadable]]))).rejects.toThrow("it is gone");
    expect(await syncedFiles(home)).toEqual(before);
    expect(await keptBySyncs(home)).toHaveLength(2);
  });

  test("of nothing empties what syncs brought", async () => {
    expect(await push(madeUpTree({}))).toMatchObject({ changed: true, sentFiles: 0 });
    expect(await syncedFiles(home)).toEqual(new Map());
  });
});

/** Deterministic, so that a failure can be had again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A configuration on disk: some files the same in all, most different, some there in one only. */
function configuration(name: string): { directory: string; tree: SyncTree } {
  const root = join(directory, name);
  const write = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  for (let i = 0; i < 400; i++) {
    write(`skills/s${i % 40}/f${i}.md`, createHash("sha512").update(`${name}${i}`).digest("hex"));
    write(`agents/same/${i}.md`, `the same ${i}`);
    write(`commands/only-${name}/${i}.md`, `only ${name} ${i}`);
  }
  write("big", Buffer.alloc(12 * 1024 * 1024, name));
  write("hook.sh", `echo ${name}`);
  chmodSync(join(root, "hook.sh"), 0o755);
  return { directory: root, tree: treeFromDirectory(root, CLAUDE) };
}

const SEED = 20261123;
const KILLS = 20;

test(
  `kill -9 at ${KILLS} moments: the volume has wholly the old configuration or wholly the new one`,
  async () => {
    let [old, next] = [configuration("first"), configuration("second")];
    const start = (source: string) =>
      startProgram(process.execPath, [PUSH_DIRECTORY, source, CLAUDE], {
        env: { ...home.env, NODE_NO_WARNINGS: "1" },
        timeoutMs: 120_000,
      });
    await start(old.directory).result;
    const whole = start(next.directory);
    await whole.printed(/collected/);
    const startedMs = performance.now();
    expect((await whole.result).exitStatus).toBe(0);
    const pushMs = performance.now() - startedMs;
    [old, next] = [next, old];

    const nextRandom = random(SEED);
    const seen = { killed: 0, old: 0, new: 0 };
    for (let i = 0; i < KILLS; i++) {
      const running = start(next.directory);
      await running.printed(/collected/);
      await delay(nextRandom() * pushMs);
      running.signal("SIGKILL");
      if ((await running.result).exitStatus === 137) seen.killed += 1;
      const { files, digest } = await settledFiles(home);
      const isNew = digest === manifestOf(next.tree).digest;
      seen[isNew ? "new" : "old"] += 1;
      expect(files).toEqual(expected(isNew ? next.tree : old.tree));
      if (isNew) [old, next] = [next, old];
    }
    process.stderr.write(`kills of a sync of ${Math.round(pushMs)} ms: ${JSON.stringify(seen)}\n`);
    expect(seen.killed).toBeGreaterThan(KILLS / 2);
    // The sandboxes of syncs that nobody finishes end by themselves, and leave nothing half on the volume.
    await eventually("the sandboxes have gone", 60_000, noSandbox);
    expect(await keptBySyncs(home)).toHaveLength(2);
    expect(await push(next.tree)).toMatchObject({ changed: true });
    expect(await syncedFiles(home)).toEqual(expected(next.tree));
  },
  10 * 60_000,
);

async function noSandbox(): Promise<true | undefined> {
  return (await sandboxContainers(home)).size === 0 ? true : undefined;
}
