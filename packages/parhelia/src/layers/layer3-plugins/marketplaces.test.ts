import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ClaudeHome,
  everything,
  itemOf,
  sentJson,
} from "../../../../../test/support/claude-home.ts";
import type { CollectedConfiguration } from "../sync-tree.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const OTHER_COMMIT = "89abcdef0123456789abcdef0123456789abcdef";
const PLUGINS = "/vol/parhelia/plugins";

let person: ClaudeHome;

beforeEach(() => {
  person = new ClaudeHome();
});

afterEach(() => {
  person.cleanUp();
});

/** A registered marketplace of this source, with a clone of it in Claude Code's own directory. */
function collectWith(source: object, listing: object = { plugins: [] }): CollectedConfiguration {
  const installLocation = join(person.configDir, "plugins", "marketplaces", "acme");
  person.write(".claude/plugins/known_marketplaces.json", { acme: { source, installLocation } });
  person.write(".claude/plugins/marketplaces/acme/.claude-plugin/marketplace.json", listing);
  person.write(".claude/plugins/marketplaces/acme/.git/HEAD", "ref: refs/heads/main\n");
  person.write(".claude/plugins/marketplaces/acme/.git/refs/heads/main", `${COMMIT}\n`);
  return person.collect();
}

describe("marketplaces from git", () => {
  test.each([
    [{ source: "github", repo: "acme/plugins" }, "https://github.com/acme/plugins.git"],
    [
      { source: "git", url: "git@github.com:acme/plugins.git" },
      "https://github.com/acme/plugins.git",
    ],
    [
      { source: "git", url: "ssh://git@github.com/acme/plugins" },
      "https://github.com/acme/plugins.git",
    ],
    [{ source: "git", url: "https://git.example.test/p.git" }, "https://git.example.test/p.git"],
    [{ source: "git", url: "git@git.example.test:p.git" }, "git@git.example.test:p.git"],
  ])("%j", (source, repository) => {
    const collected = collectWith(source);
    const path = `${PLUGINS}/marketplaces/acme`;
    expect(collected.pluginSources).toEqual([{ name: "acme", repository, commit: COMMIT, path }]);
    expect([...collected.tree.keys()].filter((key) => key.startsWith("plugins/"))).toEqual([
      "plugins/marketplaces/acme/.claude-plugin/marketplace.json",
    ]);
    expect(sentJson(collected, "plugins/known_marketplaces.json")).toEqual({
      acme: { source, installLocation: path },
    });
  });

  test("a password in the address goes nowhere", () => {
    const url = "https://me:pass-word@git.example.test/p.git";
    person.write(".claude/settings.json", {
      extraKnownMarketplaces: { acme: { source: { source: "git", url } } },
    });
    const collected = collectWith({ source: "git", url });
    expect(collected.pluginSources[0]?.repository).toBe("https://git.example.test/p.git");
    expect(itemOf(collected, "acme")?.verdict).toBe("needs-login");
    expect(everything(collected)).not.toContain("pass-word");
  });

  test("the commit is found in packed references and in worktrees too", () => {
    collectWith({ source: "github", repo: "acme/plugins" });
    const marketplace = ".claude/plugins/marketplaces/acme";
    person.write(`${marketplace}/.git/HEAD`, "ref: refs/heads/other\n");
    person.write(
      `${marketplace}/.git/packed-refs`,
      `# pack-refs\n${OTHER_COMMIT} refs/heads/other\n`,
    );
    expect(person.collect().pluginSources[0]?.commit).toBe(OTHER_COMMIT);
    person.write(`${marketplace}/.git/HEAD`, "broken");
    expect(person.collect().pluginSources).toEqual([]);
  });

  test("a plugin with a repository of its own is recorded with the commit that is installed", () => {
    const installPath = join(person.configDir, "plugins/cache/acme/tool/1.0");
    person.write(`${installPath}/SKILL.md`, "skill");
    const version = { installPath, version: "1.0", gitCommitSha: OTHER_COMMIT };
    person.write(".claude/plugins/installed_plugins.json", {
      version: 2,
      plugins: {
        "tool@acme": [
          { scope: "user", ...version },
          { scope: "project", projectPath: "/srv/x", ...version },
        ],
        "inside@acme": [{ scope: "user", ...version }],
      },
    });
    const source = { source: "git-subdir", url: "acme/tools", path: "claude/tool" };
    const collected = collectWith(
      { source: "github", repo: "acme/plugins" },
      {
        plugins: [
          { name: "tool", source },
          { name: "inside", source: "./inside" },
        ],
      },
    );
    expect(collected.pluginSources.slice(1)).toEqual([
      {
        name: "tool@acme",
        repository: "https://github.com/acme/tools.git",
        subdirectory: "claude/tool",
        commit: OTHER_COMMIT,
        path: `${PLUGINS}/cache/acme/tool/1.0`,
      },
    ]);
    const items = collected.plan.items.filter(({ kind }) => kind === "plugin");
    expect(items.map(({ name, verdict }) => [name, verdict])).toEqual([
      ["tool@acme", "only-here"],
      ["tool@acme", "rewritten"],
      ["inside@acme", "rewritten"],
    ]);
    expect(sentJson(collected, "plugins/installed_plugins.json")).toEqual({
      version: 2,
      plugins: {
        "tool@acme": [{ scope: "user", ...version, installPath: `${PLUGINS}/cache/acme/tool/1.0` }],
        "inside@acme": [
          { scope: "user", ...version, installPath: `${PLUGINS}/cache/acme/tool/1.0` },
        ],
      },
    });
  });
});

describe("marketplaces on this machine", () => {
  test("a directory outside of the home directory is sent, with links within it", () => {
    const root = join(person.directory, "company", "market");
    person.write(`${root}/.claude-plugin/marketplace.json`, { plugins: [] });
    person.write(`${root}/shared/lib.sh`, "lib");
    person.write(join(person.directory, "company", "private"), "not in it");
    const link = (path: string, target: string): void => {
      person.link(join("..", "company", "market", path), target);
    };
    link("a/lib.sh", "../shared/lib.sh");
    link("b", "../private");
    const source = { source: "directory", path: root };
    person.write(".claude/plugins/known_marketplaces.json", {
      company: { source, installLocation: root },
    });
    const collected = person.collect();
    const target = "plugins/marketplaces/company";
    expect([...collected.tree.keys()].filter((key) => key.startsWith(target)).sort()).toEqual([
      `${target}/.claude-plugin/marketplace.json`,
      `${target}/a/lib.sh`,
      `${target}/shared/lib.sh`,
    ]);
    expect(itemOf(collected, join(root, "b"))?.verdict).toBe("refused");
    expect(sentJson(collected, "plugins/known_marketplaces.json")).toEqual({
      company: {
        source: { source: "directory", path: `/vol/parhelia/${target}` },
        installLocation: `/vol/parhelia/${target}`,
      },
    });
  });

  test("a directory's plugin is judged by what lies in it, and not by the copy that was installed", () => {
    const root = join(person.home, "own market");
    const listing = (source: string) => ({
      metadata: { pluginRoot: "./packages" },
      plugins: [{ name: "tool", source }],
    });
    const hooks = { Stop: [{ hooks: [{ type: "command", command: "jq ." }] }] };
    person.write(`${root}/packages/tool/.claude-plugin/plugin.json`, { name: "tool", hooks });
    const installPath = join(person.configDir, "plugins/cache/own/tool/1.0");
    person.write(`${installPath}/.claude-plugin/plugin.json`, { name: "tool" });
    person.write(".claude/plugins/known_marketplaces.json", {
      own: { source: { source: "directory", path: root }, installLocation: root },
    });
    person.write(".claude/plugins/installed_plugins.json", {
      version: 2,
      plugins: { "tool@own": [{ scope: "user", installPath, version: "1.0" }] },
    });
    for (const source of ["./packages/tool", "tool"]) {
      person.write(`${root}/.claude-plugin/marketplace.json`, listing(source));
      expect(itemOf(person.collect(), "tool@own Stop")?.verdict, source).toBe("needs-install");
    }
  });

  test("one that is gone, never fetched, or all of the home directory brings nothing", () => {
    person.write("diary.txt", "private words");
    person.write(".claude/plugins/known_marketplaces.json", {
      gone: { source: { source: "directory", path: join(person.home, "gone") } },
      home: { source: { source: "directory", path: person.home } },
      never: { source: { source: "github", repo: "a/b" } },
    });
    const collected = person.collect();
    const verdicts = ["gone", "home", "never"].map((name) => itemOf(collected, name)?.verdict);
    expect(verdicts).toEqual(["only-here", "only-here", "only-here"]);
    expect([...collected.tree.keys()]).toEqual(["config/claude/plugins/known_marketplaces.json"]);
  });
});
