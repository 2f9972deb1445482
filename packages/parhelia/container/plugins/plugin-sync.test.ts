import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BatchPluginSource } from "../protocol/batch.ts";
import { pluginSync } from "./plugin-sync.ts";

const hasGit = spawnSync("git", ["--version"]).status === 0;
if (!hasGit) process.stderr.write("plugin-sync: not tested here, since git is not installed\n");

let root: string;
const at = (path: string) => join(root, path);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parhelia-plugins-"));
  mkdirSync(at("vol/plugins"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

const sync = (sources?: readonly BatchPluginSource[]) =>
  pluginSync(
    { task: "plugin-sync", ...(sources === undefined ? {} : { sources }) },
    {
      volume: at("vol"),
      plugins: at("vol/plugins"),
      sourcesFile: at("vol/config/.sync/plugin-sources.json"),
    },
  );

function put(path: string, content: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
}

const read = (path: string) => readFileSync(at(path), "utf8");

function git(directory: string, ...args: string[]): string {
  const person = ["-c", "user.name=Test", "-c", "user.email=test@test.invalid"];
  const env = { PATH: process.env["PATH"], HOME: root, GIT_CONFIG_NOSYSTEM: "1" };
  return execFileSync("git", [...person, ...args], {
    cwd: at(directory),
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

/** Makes a commit of one file in a repository, which begins with it. @returns the commit */
function commit(repository: string, file: string, content: string): string {
  if (!existsSync(at(`${repository}/.git`))) {
    mkdirSync(at(repository));
    git(repository, "init", "--quiet");
  }
  put(`${repository}/${file}`, content);
  git(repository, "add", ".");
  git(repository, "commit", "--quiet", "-m", file);
  return git(repository, "rev-parse", "HEAD");
}

const source = (commitId: string, more: Partial<BatchPluginSource> = {}): BatchPluginSource => ({
  name: "tools",
  repository: `file://${at("tools")}`,
  commit: commitId,
  path: "plugins/marketplaces/tools",
  ...more,
});

const PLACE = "vol/plugins/marketplaces/tools";
const leftovers = () => readdirSync(at("vol/plugins")).filter((name) => name.startsWith("."));

describe.runIf(hasGit)("plugin-sync: a source at its recorded commit", () => {
  test("is cloned, left alone, and brought to another commit, also back", async () => {
    const first = commit("tools", "plugin.md", "one");
    const second = commit("tools", "plugin.md", "two");
    const outcome = async (id: string) => (await sync([source(id)])).plugins[0];

    expect(await outcome(second)).toEqual({ name: "tools", commit: second, outcome: "cloned" });
    expect(read(`${PLACE}/plugin.md`)).toBe("two");
    expect(git(PLACE, "rev-parse", "HEAD")).toBe(second);
    expect(await outcome(second)).toMatchObject({ outcome: "unchanged" });
    // Not at the tip of any branch: a server need not give it on its own.
    expect(await outcome(first)).toMatchObject({ outcome: "updated" });
    expect(read(`${PLACE}/plugin.md`)).toBe("one");
    expect(leftovers()).toEqual([]);
  });

  test("takes the place of a copy that was sent, and of nothing else", async () => {
    const id = commit("tools", "plugin.md", "cloned");
    put(`${PLACE}/plugin.md`, "sent");
    put(`${PLACE}/only-sent.md`, "sent");
    put("vol/plugins/marketplaces/other/plugin.md", "other");
    expect(await sync([source(id)])).toMatchObject({ ok: true });
    expect(readdirSync(at(PLACE)).sort()).toEqual([".git", "plugin.md"]);
    expect(read("vol/plugins/marketplaces/other/plugin.md")).toBe("other");
  });

  test("may be a directory of the repository", async () => {
    const id = commit("tools", "packages/a/plugin.md", "a");
    const part = source(id, {
      subdirectory: "packages/a",
      path: at("vol/plugins/cache/m/a/1.0.0"),
    });
    expect((await sync([part])).plugins[0]).toMatchObject({ outcome: "cloned" });
    expect(read("vol/plugins/cache/m/a/1.0.0/plugin.md")).toBe("a");
    expect((await sync([part])).plugins[0]).toMatchObject({ outcome: "unchanged" });
  });

  test("comes with its submodules", async () => {
    commit("inner", "inner.md", "inner");
    commit("tools", "plugin.md", "outer");
    git(
      "tools",
      "-c",
      "protocol.file.allow=always",
      "submodule",
      "add",
      "-q",
      `file://${at("inner")}`,
      "deps",
    );
    const id = commit("tools", "more.md", "more");
    expect(await sync([source(id)])).toMatchObject({ ok: true });
    expect(read(`${PLACE}/deps/inner.md`)).toBe("inner");
  });

  test("runs nothing that a machine's git would run", async () => {
    const id = commit("tools", "plugin.md", "one");
    put("home/hooks/post-checkout", `#!/bin/sh\ntouch ${at("hook-ran")}\n`);
    execFileSync("chmod", ["755", at("home/hooks/post-checkout")]);
    put("home/.gitconfig", `[core]\n\thooksPath = ${at("home/hooks")}\n`);
    const home = process.env["HOME"];
    process.env["HOME"] = at("home");
    try {
      expect(await sync([source(id)])).toMatchObject({ ok: true });
    } finally {
      process.env["HOME"] = home;
    }
    expect(existsSync(at("hook-ran"))).toBe(false);
  });
});

describe.runIf(hasGit)("plugin-sync: the list of sources", () => {
  test("is kept on the volume, for a run that brings none", async () => {
    const id = commit("tools", "plugin.md", "one");
    expect(await sync()).toEqual({ task: "plugin-sync", ok: true, plugins: [] });
    await sync([source(id)]);
    rmSync(at(PLACE), { recursive: true });
    expect((await sync()).plugins).toEqual([{ name: "tools", commit: id, outcome: "cloned" }]);
  });
});

describe.runIf(hasGit)("plugin-sync: a source that fails", () => {
  test.each<[string, Partial<BatchPluginSource>, RegExp]>([
    ["no repository", { repository: "file:///nonexistent/repository" }, /git fetch: .*nonexistent/],
    ["no such commit", { commit: "0".repeat(40) }, /git (fetch|checkout): /],
    ["no such directory", { subdirectory: "nowhere" }, /has no directory nowhere at/],
    ["a directory outside of it", { subdirectory: "../.." }, /outside of the repository/],
    ["an option for a repository", { repository: "--upload-pack=touch" }, /not a repository/],
    [
      "a transport that runs programs",
      { repository: "ext::touch x" },
      /transport 'ext' not allowed/,
    ],
    ["no commit", { commit: "main" }, /not a commit: main/],
    ["a place that holds others", { path: "plugins/marketplaces" }, /no place for a plugin/],
    ["a place outside", { path: "plugins/../config/claude" }, /no place for a plugin/],
  ])("%s: what was there stays, and the others go on", async (_, wrong, reason) => {
    const id = commit("tools", "plugin.md", "new");
    put(`${PLACE}/plugin.md`, "old");
    put("vol/config/claude/settings.json", "{}");
    const good = source(id, { name: "good", path: "plugins/good" });
    const { ok, plugins } = await sync([source(id, wrong), good]);
    expect(ok).toBe(false);
    expect(plugins).toMatchObject([{ name: "good", outcome: "cloned" }, { outcome: "failed" }]);
    expect((plugins[1] as { error: string }).error).toMatch(reason);
    expect(read(`${PLACE}/plugin.md`)).toBe("old");
    expect(read("vol/config/claude/settings.json")).toBe("{}");
    expect(leftovers()).toEqual([]);
  });
});

test("plugin-sync: a change that was interrupted between its two renames is undone by the next run", async () => {
  const stage = at("vol/plugins/.plugin-sync-abcdef");
  put("vol/plugins/.plugin-sync-abcdef/replaced/plugin.md", "before");
  put("vol/plugins/.plugin-sync-abcdef/place", at(PLACE));
  mkdirSync(dirname(at(PLACE)));
  await sync();
  // It may still be at work.
  expect(existsSync(stage)).toBe(true);
  utimesSync(stage, 0, 0);
  await sync();
  expect(read(`${PLACE}/plugin.md`)).toBe("before");
  expect(leftovers()).toEqual([]);
});
