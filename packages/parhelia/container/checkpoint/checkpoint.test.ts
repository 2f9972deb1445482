import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CheckpointList } from "../protocol/checkpoint.ts";
import { CHECKPOINT_FILES } from "../protocol/checkpoint.ts";
import { listCheckpoints, readState } from "./history.ts";
import { checkpointPlaces } from "./places.ts";
import { restoreCheckpoint } from "./restore.ts";
import { writeCheckpoint } from "./write-checkpoint.ts";

const SESSION = "docs";
const LONG_NAME = `${"a-long-name-".repeat(12)}/${"ü-".repeat(60)}.txt`;

let root: string;
const at = (path: string) => join(root, path);
const places = () => checkpointPlaces(at("volume"), SESSION);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parhelia-checkpoint-"));
  for (const directory of ["volume", "tree", "claude"]) mkdirSync(at(directory));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
}

const take = () =>
  writeCheckpoint({
    places: places(),
    reason: "request",
    workspace: at("tree"),
    claudeDirectory: at("claude"),
    knownFiles: at("memory/known-files.json"),
    windows: [
      { name: "build", directory: at("tree/sub"), active: true, named: true, conversation: null },
    ],
    environment: ["PATH"],
    sandbox: { variant: "parhelia-cpu" },
    claudeCodeVersion: () => "2.1.330",
  });

/** Somebody else's sandbox: another tree, another Claude configuration. */
const restore = (from = `${SESSION}/latest`, tree = "restored") => {
  mkdirSync(at("other-claude"), { recursive: true });
  return restoreCheckpoint({
    volume: at("volume"),
    from,
    workspace: at(tree),
    claudeDirectory: at("other-claude"),
  });
};

/** Everything that a tree is, by path; times in whole milliseconds. */
function contentOf(directory: string): Record<string, unknown> {
  const content: Record<string, unknown> = {};
  for (const path of readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()) {
    const full = join(directory, path);
    const stats = lstatSync(full);
    const what = stats.isFile()
      ? readFileSync(full, "latin1")
      : stats.isSymbolicLink()
        ? `-> ${readlinkSync(full)}`
        : "directory";
    const time = stats.isDirectory() ? null : Math.round(stats.mtimeMs);
    content[path] = [what, stats.isSymbolicLink() ? null : stats.mode & 0o7777, time];
  }
  return content;
}

function fillTree(): void {
  write("tree/README.md", "# docs\n".repeat(1000));
  write("tree/sub/run.sh", "#!/bin/sh\n");
  chmodSync(at("tree/sub/run.sh"), 0o755);
  write("tree/sub/binary.png", randomBytes(300_000));
  write("tree/large.bin", randomBytes(9 * 1024 * 1024 + 77));
  write("tree/large.txt", "a line of text\n".repeat(700_000));
  write(`tree/${LONG_NAME}`, "long");
  write("tree/empty", "");
  mkdirSync(at("tree/empty-directory"));
  symlinkSync("../README.md", at("tree/sub/link"));
  symlinkSync("nowhere/at/all", at("tree/broken-link"));
  utimesSync(at("tree/README.md"), 1_600_000_000.25, 1_600_000_000.25);
}

const statuses = ({ checkpoints }: CheckpointList) => checkpoints.map(({ status }) => status);

describe("the workspace (SPEC-01.12)", () => {
  test("comes back as it was, with modes, times, links and long names", () => {
    fillTree();
    expect(take()).toMatchObject({ unchanged: false });
    const { report } = restore();
    expect(report).toMatchObject({ workspace: "restored", movedTo: null });
    expect(contentOf(at("restored"))).toEqual(contentOf(at("tree")));
  });

  test("is an archive that tar unpacks without a word", () => {
    fillTree();
    take();
    mkdirSync(at("unpacked"));
    const archive = join(places().directory, "workspace.tar.gz");
    const tar = spawnSync("tar", ["xzf", archive, "-C", at("unpacked")], { encoding: "utf8" });
    expect(tar).toMatchObject({ status: 0, stderr: "" });
    expect(contentOf(at("unpacked"))).toEqual(contentOf(at("tree")));
    expect(spawnSync("gzip", ["-t", archive]).status).toBe(0);
  });

  test("is written once; then only what changed is, and what went is listed", () => {
    fillTree();
    const first = take();
    write("tree/README.md", "changed\n");
    write("tree/new/file", "new\n");
    rmSync(at("tree/sub"), { recursive: true });
    write("tree/sub", "a file now\n");
    const second = take();
    expect(second.bytes).toBeLessThan(first.bytes / 100);
    const inode = (id: string) => statSync(join(places().history, id, "workspace.tar.gz")).ino;
    expect(inode(second.id)).toBe(inode(first.id));
    expect(readState(places(), second.id)?.workspace.deletions).toContain("sub/run.sh");
    restore();
    expect(contentOf(at("restored"))).toEqual(contentOf(at("tree")));
    // The earlier one is what it was.
    restore(`${SESSION}/${first.id}`, "earlier");
    expect(readFileSync(at("earlier/sub/run.sh"), "utf8")).toBe("#!/bin/sh\n");
    expect(statuses(listCheckpoints(places()))).toEqual(["verified", "verified"]);
  });

  test("is written anew when much has changed", () => {
    fillTree();
    take();
    write("tree/large.bin", randomBytes(9 * 1024 * 1024));
    const { id } = take();
    expect(Object.keys(readState(places(), id)?.files ?? {})).not.toContain(CHECKPOINT_FILES.delta);
    restore();
    expect(contentOf(at("restored"))).toEqual(contentOf(at("tree")));
  });

  test("a file that changed with its size and time as they were is noticed in this sandbox", () => {
    write("tree/file", "one");
    utimesSync(at("tree/file"), 1_700_000_000, 1_700_000_000);
    take();
    write("tree/file", "two");
    utimesSync(at("tree/file"), 1_700_000_000, 1_700_000_000);
    expect(take()).toMatchObject({ unchanged: false });
    restore();
    expect(readFileSync(at("restored/file"), "utf8")).toBe("two");
  });

  test("what cannot be taken along is named", async () => {
    write("tree/file", "content");
    spawnSync("mkfifo", [at("tree/pipe")]);
    const server = createServer().listen(at("tree/socket"));
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      const { id } = take();
      expect(readState(places(), id)?.workspace.skipped).toEqual([
        { path: "pipe", reason: "pipe" },
        { path: "socket", reason: "socket" },
      ]);
    } finally {
      server.close();
    }
  });

  test("a tree that differs is moved aside, the newest only, and one that does not is kept", () => {
    fillTree();
    const { id } = take();
    cpSync(at("tree"), at("restored"), { recursive: true, preserveTimestamps: true });
    rmSync(at("restored/broken-link"));
    expect(restore().report).toMatchObject({
      workspace: "restored",
      movedTo: at(`restored.before-${id}`),
    });
    expect(existsSync(at(`restored.before-${id}/broken-link`))).toBe(false);
    expect(restore().report).toMatchObject({ workspace: "kept", movedTo: null });
    appendFileSync(at("restored/README.md"), "more");
    restore();
    expect(readdirSync(root).filter((name) => name.includes("before"))).toHaveLength(1);
    expect(readFileSync(at(`restored.before-${id}/README.md`), "utf8")).toMatch(/more$/);
  });
});

describe("the conversation", () => {
  const projects = () => `claude/projects/${at("tree").replaceAll(/[^A-Za-z0-9]/g, "-")}`;

  test("comes back whole, sub-agents included, without a line that was being written", () => {
    const line = `{"sessionId":"5a","cwd":${JSON.stringify(at("tree"))}}\n`;
    write(`${projects()}/5a.jsonl`, `${line}${line}{"sessionId":"5`);
    write(`${projects()}/5a/subagents/agent-1.jsonl`, line);
    write(`${projects()}/5a/tool-results/1.bin`, new Uint8Array([0xff, 0, 1]));
    take();
    const { report } = restore(undefined, "elsewhere");
    expect(report.conversations).toBe(2);
    const moved = projects().replace("claude", "other-claude").replace(/tree$/, "elsewhere");
    const expected = `{"sessionId":"5a","cwd":${JSON.stringify(at("elsewhere"))}}\n`;
    expect(readFileSync(at(`${moved}/5a.jsonl`), "utf8")).toBe(expected.repeat(2));
    expect(readFileSync(at(`${moved}/5a/subagents/agent-1.jsonl`), "utf8")).toBe(expected);
    expect(readFileSync(at(`${moved}/5a/tool-results/1.bin`))).toHaveLength(3);
  });

  test("what is part of an account or a key is in no checkpoint", () => {
    write("claude/.credentials.json", '{"token":"hidden-1"}');
    write(
      "claude/.claude.json",
      JSON.stringify({
        customApiKeyResponses: { approved: ["hidden-2"] },
        oauthAccount: { id: "hidden-3" },
        theme: "dark",
      }),
    );
    write("claude/settings.json", '{"model":"opus"}');
    const { id } = take();
    const state = readFileSync(join(places().history, id, "state.json"), "utf8");
    expect(state).not.toContain("hidden");
    restore();
    expect(JSON.parse(readFileSync(at("other-claude/.claude.json"), "utf8"))).toEqual({
      theme: "dark",
    });
    expect(readFileSync(at("other-claude/settings.json"), "utf8")).toBe('{"model":"opus"}');
  });

  test("windows come back in the directories that they have now", () => {
    take();
    expect(restore(undefined, "elsewhere").windows).toEqual([
      {
        name: "build",
        directory: at("elsewhere/sub"),
        active: true,
        named: true,
        conversation: null,
      },
    ]);
  });
});

describe("checkpoints", () => {
  test("nothing is written where nothing changed", () => {
    fillTree();
    const { id } = take();
    expect(take()).toEqual({ id, unchanged: true, bytes: 0 });
    // In a new sandbox, too, that has no memory of it.
    rmSync(at("memory"), { recursive: true });
    expect(take()).toEqual({ id, unchanged: true, bytes: 0 });
  });

  test("the specification's paths lead to the latest", () => {
    write("tree/file", "content");
    const { id } = take();
    for (const name of ["state.json", "conversation.json", "workspace.tar.gz"]) {
      expect(readFileSync(join(places().directory, name))).toEqual(
        readFileSync(join(places().history, id, name)),
      );
    }
  });

  test("what an interrupted one left goes", () => {
    mkdirSync(join(places().history, "20200101T000000.000Z.partial"), { recursive: true });
    const { id } = take();
    expect(readdirSync(places().history)).toEqual([id]);
  });

  test("a clock that was set back does not change their order", () => {
    const future = "20990101T000000.000Z";
    take();
    renameSync(
      join(places().history, listCheckpoints(places()).checkpoints[0]?.id ?? ""),
      join(places().history, future),
    );
    expect(take().id).toBe("20990101T000000.001Z");
  });

  test.each([
    ["workspace.tar.gz", "has"],
    ["conversation.json", "is missing"],
    ["state.json", "cannot be read"],
  ])("damage to %s is found, and an earlier one is named", (name, problem) => {
    write("tree/file", "content".repeat(100));
    const first = take();
    rmSync(at("memory"), { recursive: true });
    write("tree/file", randomBytes(1000));
    const second = take();
    const file = join(places().history, second.id, name);
    if (name === "conversation.json") rmSync(file);
    else truncateSync(file, 100);
    const [newest, oldest] = listCheckpoints(places()).checkpoints;
    expect(newest).toMatchObject({ id: second.id, status: "damaged", isLatest: true });
    expect(newest?.damage).toContain(problem);
    expect(oldest).toMatchObject({ id: first.id, status: "verified", damage: null });
    expect(() => restore()).toThrow(`parhelia resume ${SESSION} --at ${first.id}`);
    expect(existsSync(at("restored"))).toBe(false);
    // The next one does not build on it.
    take();
    expect(restore().report.workspace).toBe("restored");
  });

  test("a bit that turned over in the archive is found before anything is replaced", () => {
    write("tree/file", randomBytes(5000));
    const { id } = take();
    write("restored/mine", "work");
    const archive = join(places().history, id, "workspace.tar.gz");
    const content = readFileSync(archive);
    content[3000] = (content[3000] ?? 0) ^ 1;
    writeFileSync(archive, content);
    expect(() => restore()).toThrow(/damaged.*no earlier one/);
    expect(readdirSync(at("restored"))).toEqual(["mine"]);
  });

  test("a session without checkpoint says so", () => {
    expect(() => restore("other/latest")).toThrow("session other has no checkpoint");
    expect(() => restore("../x")).toThrow("names no checkpoint");
  });
});
