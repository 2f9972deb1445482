import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runProgram } from "../../../../test/support/run-program.ts";
import { manifestOf, syncBytes, type SyncTree } from "../../../../test/support/sync-bytes.ts";
import { madeUpTree } from "../../../../test/support/tree-from-directory.ts";
import { parseManifest, SYNC_PIECE, type SyncHeader, type SyncManifest } from "../protocol/sync.ts";
import { receiveSync } from "./apply-sync.ts";
import { commit, rollForward } from "./commit.ts";
import { Stage } from "./stage.ts";

const SUPPORT = resolve(import.meta.dirname, "../../../../test/support");
const MCP_CONFIG = "config/claude/mcp_config.json";

let volume: string;
beforeEach(() => (volume = mkdtempSync(join(tmpdir(), "parhelia-sync-"))));
afterEach(() => rmSync(volume, { recursive: true, force: true }));

const OLD = madeUpTree({
  "config/claude/CLAUDE.md": "old memory",
  "config/claude/settings.json": "{}",
  "config/claude/skills/one/SKILL.md": "one",
  "config/claude/skills/one/deep/er/notes": "notes",
  "config/claude/agents/gone.md": "gone",
  "config/claude/was-file": "a file",
  "config/claude/was-directory/x": "in a directory",
  "plugins/marketplaces/m/a folder/ä ß.md": "ä",
  [MCP_CONFIG]: '{"mcpServers":{}}',
});

const NEW = madeUpTree({
  "config/claude/CLAUDE.md": "new memory",
  "config/claude/settings.json": "{}",
  "config/claude/skills/one/SKILL.md": "one, changed",
  "config/claude/skills/two/SKILL.md": "two",
  "config/claude/skills/two/deep/notes": "",
  "config/claude/was-file/x": "in a directory",
  "config/claude/was-directory": "a file",
  "plugins/marketplaces/m/a folder/ä ß.md": "ä",
  "plugins/cache/m/p/1.0/plugin.json": "{}",
  [MCP_CONFIG]: '{"mcpServers":{}}',
});

const at = (path: string) => join(volume, path);

function currentManifest(): SyncManifest | undefined {
  const file = at("config/.sync/manifest.json");
  return existsSync(file) ? parseManifest(readFileSync(file, "utf8")) : undefined;
}

/** A sync of the whole tree, against what the volume has. */
function headerFor(tree: SyncTree, changes: Partial<SyncHeader> = {}): SyncHeader {
  const manifest = manifestOf(tree);
  const base = currentManifest()?.digest ?? null;
  return { manifest, base, sent: [...tree.keys()], overwriteEdited: false, ...changes };
}

function bytesOf(tree: SyncTree, changes: Partial<SyncHeader> = {}): Buffer {
  return syncBytes(headerFor(tree, changes), tree);
}

/** Receives the bytes in pieces of a size that fits nothing. */
function receive(bytes: Buffer, pieceBytes = 7) {
  const count = Math.ceil(bytes.length / pieceBytes);
  const pieces = Array.from({ length: count }, (_none, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  return receiveSync(volume, Readable.from(pieces));
}

const push = (tree: SyncTree, changes: Partial<SyncHeader> = {}) => receive(bytesOf(tree, changes));

/** All files outside of what syncs keep for themselves, by path. */
function contents(): Record<string, string> {
  const files = readdirSync(volume, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.includes("/config/.sync/"));
  return Object.fromEntries(
    files.map((file) => [relative(volume, file), readFileSync(file, "utf8")]),
  );
}

function contentsOf(tree: SyncTree): Record<string, string> {
  return Object.fromEntries([...tree].map(([path, file]) => [path, file.read().toString()]));
}

/** What syncs keep for themselves. */
const kept = () => readdirSync(at("config/.sync")).sort();
const completeFile = (tree: SyncTree) => `complete-${manifestOf(tree).digest}`;

describe("a sync", () => {
  test("makes an empty volume what it says, in pieces of any size, and keeps its manifest", async () => {
    const outcome = await push(OLD);
    expect(outcome).toEqual({ outcome: "committed", removedFiles: 0, keptEdited: [] });
    expect(contents()).toEqual(contentsOf(OLD));
    expect(kept()).toEqual([completeFile(OLD), "manifest.json"]);
    expect(currentManifest()?.digest).toBe(manifestOf(OLD).digest);
  });

  test("changes, adds and removes; files become directories and directories files", async () => {
    await push(OLD);
    mkdirSync(at("plugins/cloned/here"), { recursive: true });
    writeFileSync(at("plugins/cloned/here/file"), "not of a sync");
    writeFileSync(at("config/claude/skills/one/own"), "not of a sync");
    expect(await push(NEW)).toMatchObject({ outcome: "committed", removedFiles: 4 });
    expect(contents()).toEqual({
      ...contentsOf(NEW),
      "plugins/cloned/here/file": "not of a sync",
      "config/claude/skills/one/own": "not of a sync",
    });
    expect(existsSync(at("config/claude/agents"))).toBe(false);
    expect(kept()).toEqual([completeFile(NEW), "manifest.json"]);
  });

  test("is committed so that the mark of a whole one is never seen beside half of another", async () => {
    await push(OLD);
    const seen: object[] = [];
    await receiveSync(volume, Readable.from([bytesOf(NEW)]), {
      commitVolume: () => seen.push({ kept: kept(), contents: contents() }),
    });
    expect(seen).toEqual([
      { kept: ["committed", "manifest.json"], contents: contentsOf(OLD) },
      { kept: ["committed", "manifest.json"], contents: contentsOf(NEW) },
    ]);
    expect(kept()).toEqual([completeFile(NEW), "manifest.json"]);
  });

  test("of large files that can be compressed, and that cannot", async () => {
    const bytes = 3 * 1024 * 1024 + 17;
    const tree = new Map([
      ...madeUpTree({ "config/claude/random": randomBytes(bytes) }),
      ...madeUpTree({ "config/claude/text": "text ".repeat(bytes) }),
      ...madeUpTree({ "config/claude/random again": randomBytes(1024 * 1024) }),
    ]);
    const sent = bytesOf(tree);
    expect(sent.length).toBeLessThan(bytes + 1.1 * 1024 * 1024);
    expect(await receive(sent, 65_536)).toMatchObject({ outcome: "committed" });
    for (const [path, file] of tree) expect(readFileSync(at(path)).equals(file.read())).toBe(true);
  });

  test("of nothing at all removes what the last one brought, and no directory of the volume's own", async () => {
    await push(OLD);
    const nothing = madeUpTree({});
    expect(await push(nothing)).toMatchObject({ removedFiles: OLD.size });
    expect(contents()).toEqual({});
    expect(readdirSync(at("config/claude"))).toEqual([]);
    expect(readdirSync(at("plugins"))).toEqual([]);
  });

  test("sends only what changed, and the rest stays where it is", async () => {
    await push(OLD);
    const inode = () => statSync(at("config/claude/settings.json")).ino;
    const before = inode();
    const changed = new Map([...OLD, ...madeUpTree({ "config/claude/CLAUDE.md": "newer" })]);
    await push(changed, { sent: ["config/claude/CLAUDE.md"] });
    expect(contents()).toEqual(contentsOf(changed));
    expect(inode()).toBe(before);
  });

  test("gives files the mode of the manifest, whatever the umask, and directories 0755", async () => {
    const umask = process.umask(0o022);
    try {
      const script = [...madeUpTree({ x: "#!/bin/sh" }).values()][0];
      if (script === undefined) throw new Error("no file");
      await push(new Map([["config/claude/hooks/run.sh", { ...script, mode: 0o755 }], ...OLD]));
      expect(statSync(at("config/claude/hooks/run.sh")).mode & 0o7777).toBe(0o755);
      expect(statSync(at("config/claude/settings.json")).mode & 0o7777).toBe(0o644);
      expect(statSync(at("config/claude/hooks")).mode & 0o7777).toBe(0o755);
    } finally {
      process.umask(umask);
    }
  });

  test("replaces a link that stands where it writes, and does not follow it", async () => {
    mkdirSync(at("elsewhere"));
    mkdirSync(at("config/claude"), { recursive: true });
    symlinkSync(at("elsewhere"), at("config/claude/skills"));
    await push(OLD);
    expect(readdirSync(at("elsewhere"))).toEqual([]);
    expect(readFileSync(at("config/claude/skills/one/SKILL.md"), "utf8")).toBe("one");
  });
});

describe("a sync is refused, and the volume stays as it was,", () => {
  beforeEach(() => push(OLD));
  afterEach(() => {
    expect(contents()).toEqual(contentsOf(OLD));
    expect(kept()).toEqual([completeFile(OLD), "manifest.json"]);
  });

  test("when the volume has another manifest than it was compared with", async () => {
    expect(await push(NEW, { base: null })).toEqual({ outcome: "stale" });
    expect(await push(NEW, { base: manifestOf(NEW).digest })).toEqual({ outcome: "stale" });
  });

  test("when a content is not the manifest's", async () => {
    const [path, file] = [...NEW][0] ?? [];
    if (path === undefined || file === undefined) throw new Error("no file");
    const other = { ...file, read: () => Buffer.alloc(file.size) };
    const bytes = syncBytes(headerFor(NEW), new Map([...NEW, [path, other]]));
    expect(await receive(bytes)).toEqual({ outcome: "corrupt", path });
  });

  test("when its input is no sync's", async () => {
    const bytes = bytesOf(NEW);
    bytes[0] = 7;
    await expect(receive(bytes)).rejects.toThrow(/piece of kind 7/);
    await expect(receive(Buffer.from("hello, sandbox"))).rejects.toThrow(/no sync's/);
  });

  test("when its input ends early, wherever that is", async () => {
    const bytes = bytesOf(NEW);
    for (const length of [0, 1, 100, bytes.length - 20, bytes.length - 1]) {
      await expect(receive(bytes.subarray(0, length))).rejects.toThrow(/ended (before|within)/);
    }
  });

  test("when there is more input than it announced", async () => {
    const more = Buffer.from([SYNC_PIECE.plain, 0, 0, 0, 1, 0]);
    await expect(receive(Buffer.concat([bytesOf(NEW), more]))).rejects.toThrow(/1 bytes more/);
  });

  test("when the other side falls silent", async () => {
    const input = new PassThrough();
    input.write(bytesOf(NEW).subarray(0, -1));
    await expect(receiveSync(volume, input, { silenceMs: 100 })).rejects.toThrow(
      /silent for 100 ms/,
    );
  });

  test.each([
    "etc/passwd",
    "config/env/remote.env",
    "config/claude/../../x",
    "plugins//x",
    "plugins/a/.",
  ])("when it would write to %s", async (path) => {
    await expect(push(madeUpTree({ [path]: "x" }))).rejects.toThrow(/does not write to/);
  });

  test("when what should be unchanged is missing or has another size", async () => {
    const unchanged = { sent: ["config/claude/CLAUDE.md"] };
    const bytes = bytesOf(
      new Map([...OLD, ...madeUpTree({ "config/claude/CLAUDE.md": "x" })]),
      unchanged,
    );
    const file = at("config/claude/settings.json");
    writeFileSync(file, "{ }");
    expect(await receive(bytes)).toEqual({ outcome: "incomplete" });
    rmSync(file);
    expect(await receive(bytes)).toEqual({ outcome: "incomplete" });
    writeFileSync(file, "{}");
  });
});

describe("mcp_config.json, edited on the volume,", () => {
  const EDIT = '{"mcpServers":{"mine":{}}}';
  const changed = new Map([
    ...OLD,
    ...madeUpTree({ [MCP_CONFIG]: '{"mcpServers":{"theirs":{}}}' }),
  ]);
  const mcpConfig = () => readFileSync(at(MCP_CONFIG), "utf8");

  beforeEach(async () => {
    await push(OLD);
    writeFileSync(at(MCP_CONFIG), EDIT);
  });

  test("is kept and reported, by this sync and the next ones", async () => {
    expect(await push(changed)).toMatchObject({ keptEdited: [MCP_CONFIG] });
    expect(mcpConfig()).toBe(EDIT);
    const more = new Map([...changed, ...madeUpTree({ "config/claude/more.md": "more" })]);
    const outcome = await push(more, { sent: ["config/claude/more.md"] });
    expect(outcome).toMatchObject({ outcome: "committed", keptEdited: [MCP_CONFIG] });
    expect(mcpConfig()).toBe(EDIT);
  });

  test("is kept when the sync has none any more", async () => {
    const without = new Map([...OLD].filter(([path]) => path !== MCP_CONFIG));
    expect(await push(without)).toMatchObject({ removedFiles: 0, keptEdited: [MCP_CONFIG] });
    expect(mcpConfig()).toBe(EDIT);
  });

  test("is replaced when that is asked for, and when it says the same", async () => {
    expect(await push(OLD, { overwriteEdited: true })).toMatchObject({ keptEdited: [] });
    expect(mcpConfig()).toBe(OLD.get(MCP_CONFIG)?.read().toString());
    writeFileSync(at(MCP_CONFIG), changed.get(MCP_CONFIG)?.read() ?? "");
    expect(await push(changed)).toMatchObject({ keptEdited: [] });
  });
});

describe("what earlier syncs left", () => {
  test("goes when it is old, and stays when its sync may still run", async () => {
    const old = `stage-${Date.now() - 2 * 60 * 60 * 1000}-00`;
    const young = `stage-${Date.now() - 1_000}-01`;
    for (const name of [old, young])
      mkdirSync(at(`config/.sync/${name}/tree`), { recursive: true });
    utimesSync(at(`config/.sync/${old}`), 0, 0);
    await push(OLD);
    expect(kept()).toEqual([completeFile(OLD), "manifest.json", young]);
  });

  test("is no manifest: everything is taken for new", async () => {
    await push(OLD);
    writeFileSync(at("config/.sync/manifest.json"), "{");
    expect(await push(NEW, { base: null })).toMatchObject({ outcome: "committed" });
    expect(contents()).toMatchObject(contentsOf(NEW));
  });
});

/** The real program in a process of its own, that ends itself before its step N. */
function receiveUntil(step: number, bytes: Buffer) {
  const args = [
    "--import",
    join(SUPPORT, "kill-at-step.ts"),
    join(SUPPORT, "receive-sync.ts"),
    volume,
  ];
  const env = { ...process.env, KILL_AT_STEP: String(step), NODE_NO_WARNINGS: "1" };
  return runProgram(process.execPath, args, { env, stdin: bytes, timeoutMs: 30_000 });
}

test(
  "killed between any two of its steps, a sync is undone or finished by whoever comes next",
  {
    timeout: 5 * 60_000,
  },
  async () => {
    await push(OLD);
    const bytes = bytesOf(NEW);
    const counted = await receiveUntil(0, bytes);
    const steps = Number(/^(\d+) steps$/m.exec(counted.stderr)?.[1]);
    expect(steps).toBeGreaterThan(30);
    const endings = { old: 0, new: 0 };
    for (let step = 1; step <= steps; step++) {
      rmSync(volume, { recursive: true });
      mkdirSync(volume);
      await push(OLD);
      expect((await receiveUntil(step, bytes)).exitStatus).toBe(137);
      const isCommitted = existsSync(at("config/.sync/committed"));
      // Before the commit nothing at all has happened to the old one.
      if (!isCommitted && currentManifest()?.digest === manifestOf(OLD).digest) {
        expect(contents()).toEqual(contentsOf(OLD));
      }
      rollForward(volume);
      const ending = currentManifest()?.digest === manifestOf(NEW).digest ? "new" : "old";
      endings[ending] += 1;
      expect(contents()).toEqual(contentsOf(ending === "new" ? NEW : OLD));
      expect(existsSync(at("config/.sync/committed"))).toBe(false);
      // And the next sync works as ever.
      expect(await push(NEW)).toMatchObject({ outcome: "committed" });
      expect(contents()).toEqual(contentsOf(NEW));
    }
    expect(endings.old).toBeGreaterThan(20);
    expect(endings.new).toBeGreaterThan(10);
  },
);

test("two at once can finish a sync that was interrupted after its commit", async () => {
  await push(OLD);
  const stage = new Stage(volume);
  for (const [path, file] of NEW) {
    const staged = stage.create(path, file.mode);
    staged.write(file.read());
    staged.close();
  }
  const removals = [...OLD.keys()].filter((path) => !NEW.has(path));
  stage.complete(manifestOf(NEW), removals);
  expect(commit(volume, stage.directory)).toBe(true);
  expect(contents()).toEqual(contentsOf(OLD));
  // Each finishes what it finds, and then fails for want of input.
  const ended = await Promise.all([1, 2].map(() => receiveUntil(0, Buffer.alloc(0))));
  expect(ended.map(({ stderr }) => /ended before/.test(stderr))).toEqual([true, true]);
  expect(contents()).toEqual(contentsOf(NEW));
  expect(kept()).toEqual([completeFile(NEW), "manifest.json"]);
});
