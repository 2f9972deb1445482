import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ClaudeHome,
  everything,
  itemOf,
  sentJson,
  sentPaths,
  sentText,
} from "../../../../../test/support/claude-home.ts";
import { UserError } from "../../errors.ts";

let person: ClaudeHome;

beforeEach(() => {
  person = new ClaudeHome();
});

afterEach(() => {
  person.cleanUp();
});

function failure(): UserError {
  try {
    person.collect();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("it was collected");
}

describe("SPEC-01.04 what is sent of a Claude configuration", () => {
  test("what a person keeps there, with names of all kinds, and nothing that Claude Code keeps", () => {
    person.write(".claude/CLAUDE.md", "Be brief.");
    person.write(".claude/settings.json", { model: "opus" });
    person.write(".claude/skills/größer als/SKILL.md", "skill");
    person.write(".claude/skills/größer als/scripts/run it.sh", "#!/bin/sh\n", 0o755);
    person.write(".claude/agents/reviewer.md", "agent");
    person.write(".claude/commands/git/sync up.md", "command");
    person.write(".claude/rules/style.md", "rule");
    for (const name of ["output-styles/terse.md", "themes/mine.json", "workflows/a.js"]) {
      person.write(`.claude/${name}`, "text");
    }
    person.write(".claude/keybindings.json", "{}");
    for (const name of ["projects/-a/b.jsonl", "history.jsonl", "todos/x", "statsig/y"]) {
      person.write(`.claude/${name}`, "private words");
    }
    person.write(".claude/.credentials.json", { claudeAiOauth: { accessToken: "private words" } });
    person.write(".claude/notes.txt", "private words");
    person.write(".claude/skills/größer als/.git/config", "private words");
    person.write(".claude.json", { userID: "private words", machineID: "private words" });

    const collected = person.collect();
    expect(sentPaths(collected)).toEqual([
      "CLAUDE.md",
      "agents/reviewer.md",
      "commands/git/sync up.md",
      "keybindings.json",
      "output-styles/terse.md",
      "rules/style.md",
      "settings.json",
      "skills/größer als/SKILL.md",
      "skills/größer als/scripts/run it.sh",
      "themes/mine.json",
      "workflows/a.js",
    ]);
    expect(everything(collected)).not.toContain("private words");
    expect(itemOf(collected, "größer als")).toMatchObject({ kind: "skill", sizeBytes: 15 });
    expect(itemOf(collected, "reviewer")).toMatchObject({ kind: "agent", verdict: "portable" });
    expect(itemOf(collected, "git/sync up")).toMatchObject({ kind: "command", sizeBytes: 7 });
    expect(itemOf(collected, ".credentials.json")?.verdict).toBe("refused");
    expect(itemOf(collected, "history.jsonl")).toMatchObject({
      kind: "state",
      verdict: "only-here",
    });
    expect(itemOf(collected, "notes.txt")?.verdict).toBe("only-here");
    const script = collected.tree.get("config/claude/skills/größer als/scripts/run it.sh");
    expect([script?.mode, script?.size]).toEqual([0o755, 10]);
    expect(collected.plan.fileCount).toBe(11);
  });

  test("CLAUDE_CONFIG_DIR names another configuration, with its own .claude.json", () => {
    const server = { command: "python3", args: ["$CLAUDE_CONFIG_DIR/mcp/server.py"] };
    person.write("work/.claude.json", { mcpServers: { mine: server } });
    person.write("work/mcp/server.py", "");
    person.write(".claude.json", { mcpServers: { other: { command: "bash" } } });
    const env = { ...person.env, CLAUDE_CONFIG_DIR: join(person.home, "work") };
    expect(sentJson(person.collect({ env }), "mcp_config.json")).toEqual({
      mcpServers: {
        mine: { command: "python3", args: ["/vol/parhelia/config/claude/mcp/server.py"] },
      },
    });
  });

  test("without any configuration nothing is sent, and the volume's is not taken for outdated", () => {
    const env = { ...person.env, CLAUDE_CONFIG_DIR: join(person.directory, "none") };
    expect(() => person.collect({ env })).toThrow(UserError);
    expect(() => person.collect({ env })).toThrow(join(person.directory, "none", ".claude.json"));
  });

  test("files that CLAUDE.md imports come along, from wherever they are in the home directory", () => {
    const text = `See @docs/own.md and @~/notes/prefs.md, not \`@~/notes/code.md\` nor a@b.example.`;
    person.write(".claude/CLAUDE.md", `${text}\n@docs/own.md @missing.md @types\n`);
    person.write(
      ".claude/docs/own.md",
      `@${person.home}/.claude/docs/deeper.md`.replace(" ", "\\ "),
    );
    person.write(".claude/docs/deeper.md", "deep");
    person.write(".claude/docs/other.md", "not imported");
    person.write("notes/prefs.md", "prefers tabs");
    person.write("notes/code.md", "not imported");
    const collected = person.collect();
    expect(sentPaths(collected)).toEqual([
      "CLAUDE.md",
      "docs/deeper.md",
      "docs/own.md",
      "from-home/notes/prefs.md",
    ]);
    expect(sentText(collected, "CLAUDE.md")).toContain(
      "@docs/own.md and @/vol/parhelia/config/claude/from-home/notes/prefs.md,",
    );
    expect(sentText(collected, "docs/own.md")).toBe("@/vol/parhelia/config/claude/docs/deeper.md");
  });
});

describe("symbolic links", () => {
  test("they are followed inside the home directory and refused outside of it", () => {
    const outside = person.write(join(person.directory, "elsewhere", "secret.md"), "outside");
    person.write("dotfiles/skills/linked/SKILL.md", "linked");
    person.write("dotfiles/CLAUDE.md", "from dotfiles");
    person.write(".ssh/config", "Host x");
    person.write(".claude/projects/x/talk.md", "conversation");
    person.link(".claude/CLAUDE.md", join(person.home, "dotfiles/CLAUDE.md"));
    person.link(".claude/skills/linked", "../../dotfiles/skills/linked");
    person.link(".claude/skills/outside", join(outside, ".."));
    person.link(".claude/skills/ssh", "../../.ssh");
    person.link(".claude/skills/home", person.home);
    person.link(".claude/skills/talks", "../projects");
    person.link(".claude/skills/broken", "nowhere");
    person.link(".claude/skills/self", "self");
    person.link(".claude/skills/loop/again", "../loop");
    person.link(".claude/agents/a/b", "../../agents");
    person.write(".claude/agents/real.md", "agent");

    const collected = person.collect();
    expect(sentPaths(collected)).toEqual(["CLAUDE.md", "agents/real.md", "skills/linked/SKILL.md"]);
    expect(sentText(collected, "CLAUDE.md")).toBe("from dotfiles");
    expect(itemOf(collected, "skills/outside")).toMatchObject({ verdict: "refused" });
    expect(itemOf(collected, "skills/outside")?.detail).toContain("outside of your home directory");
    expect(itemOf(collected, "skills/ssh")?.detail).toContain("~/.ssh, which is never sent");
    expect(itemOf(collected, "skills/home")?.verdict).toBe("refused");
    expect(itemOf(collected, "skills/talks")?.verdict).toBe("refused");
    expect(itemOf(collected, "skills/broken")?.detail).toBe("the symbolic link leads nowhere");
    expect(itemOf(collected, "skills/self")?.detail).toBe("the symbolic link leads to itself");
    expect(itemOf(collected, "skills/loop/again")?.detail).toContain("leads back");
    expect(itemOf(collected, "agents/a/b")?.detail).toContain("leads back");
  });

  test("a configuration that is a link itself is one all the same", () => {
    const other = new ClaudeHome("plain");
    other.write("dotfiles/claude/CLAUDE.md", "linked");
    other.link("config", "dotfiles/claude");
    const env = { ...other.env, CLAUDE_CONFIG_DIR: join(other.home, "config") };
    expect(sentPaths(person.collect({ env }))).toEqual(["CLAUDE.md"]);
    other.cleanUp();
  });

  test("settings that lead out of the home directory are no small matter: nothing is sent", () => {
    const outside = person.write(join(person.directory, "settings.json"), "{}");
    person.link(".claude/settings.json", outside);
    expect(failure().message).toContain("outside of your home directory");
  });
});

describe("malformed files are refused before anything is sent", () => {
  const broken = '{\n  "env": {\n    "A": "tok-secret" "B": 1\n  }\n}';
  test.each([
    [".claude/settings.json", broken, ":3:23: this is not JSON"],
    [".claude.json", '{"mcpServers": {', ":1:17: the file ends too early"],
    [".claude/plugins/known_marketplaces.json", "[]", "is not what Claude Code expects"],
    [".claude/plugins/installed_plugins.json", '{"version": 2}', "plugins: Invalid input"],
    [".claude/settings.json", '{"hooks": {"Stop": {"a": "tok-secret"}}}', "hooks.Stop: "],
    [".claude/settings.json", '{"permissions": {"deny": "Bash"}}', "permissions.deny: "],
    [".claude/settings.json", '{"statusLine": {"command": "x"}}', "statusLine.type: "],
    [".claude/settings.json", "// why\n{}", ":1:1: this is not JSON"],
    [".claude/settings.json", "", ":1:1: the file ends too early"],
    [".claude.json", '{"mcpServers": {"a": {"args": [1]}}}', "mcpServers.a.args[0]: "],
    [".claude/plugins/known_marketplaces.json", '{"../x": {"source": {"source": "git"}}}', "../x"],
  ])("%s %#", (path, text, expected) => {
    const file = person.write(path, text);
    const { message } = failure();
    expect(message).toContain(file);
    expect(message).toContain(expected);
    expect(message).not.toContain("tok-secret");
  });
});

describe("a cache of hashes", () => {
  test("an unchanged file is not read again, a changed one is, however it changed", async () => {
    const file = person.write(".claude/skills/a/SKILL.md", "first words");
    await untilCacheable();
    const first = person.collect().tree.get("config/claude/skills/a/SKILL.md")?.sha256 ?? "";
    // What the cache says is believed: proof that the file was not read.
    const text = readFileSync(cacheFile(), "utf8");
    expect(text).toContain(first);
    writeFileSync(cacheFile(), text.replace(first, "0".repeat(64)));
    expect(person.collect().tree.get("config/claude/skills/a/SKILL.md")?.sha256).toBe(
      "0".repeat(64),
    );

    const { atime, mtime } = statSync(file);
    writeFileSync(file, "other words");
    utimesSync(file, atime, mtime);
    const changed = person.collect().tree.get("config/claude/skills/a/SKILL.md");
    expect(changed?.sha256).not.toBe("0".repeat(64));
    expect(changed?.sha256).not.toBe(first);
  });

  test("a file that has just changed may change again unseen, and is not kept in it", async () => {
    person.write(".claude/skills/old/SKILL.md", "old");
    await untilCacheable();
    person.write(".claude/skills/new/SKILL.md", "new");
    person.collect();
    expect(readFileSync(cacheFile(), "utf8")).toContain("skills/old/SKILL.md");
    expect(readFileSync(cacheFile(), "utf8")).not.toContain("skills/new/SKILL.md");
  });

  test("a damaged cache is none", async () => {
    person.write(".claude/CLAUDE.md", "now");
    await untilCacheable();
    person.collect();
    writeFileSync(cacheFile(), "{");
    expect(sentText(person.collect(), "CLAUDE.md")).toBe("now");
    expect(readFileSync(cacheFile(), "utf8")).toContain("CLAUDE.md");
  });

  test("the same configuration gives the same tree", () => {
    person.write(".claude/settings.json", { b: 1, a: { d: [1], c: 2 } });
    person.write(".claude/skills/x/SKILL.md", `reads ${person.home}/.claude/skills/x/data`);
    const hashes = (): string[] =>
      [...person.collect().tree].map(([path, { sha256 }]) => path + sha256);
    expect(hashes()).toEqual(hashes());
  });

  test("a file that changes before it is sent is noticed", () => {
    const file = person.write(".claude/CLAUDE.md", "now");
    const collected = person.collect();
    writeFileSync(file, "longer now");
    expect(() => sentText(collected, "CLAUDE.md")).toThrow("changed while it was sent");
  });
});

/** Files younger than the clock's tick are not kept in the cache. */
function untilCacheable(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

function cacheFile(): string {
  const directory = join(person.directory, "cache", "parhelia", "sync");
  return join(directory, readdirSync(directory)[0] ?? "");
}
