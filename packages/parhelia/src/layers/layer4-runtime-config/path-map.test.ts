import { describe, expect, test } from "vitest";
import { PathMap, expandPath } from "./path-map.ts";

const user = {
  home: "/home/jörg m",
  configDir: "/home/jörg m/.claude",
  claudeJson: "/home/jörg m/.claude.json",
  pluginsDir: "/home/jörg m/.claude/plugins",
};

function mapOf(configDir = user.configDir): PathMap {
  const paths = new PathMap({ ...user, configDir }, "/vol");
  paths.add(configDir, "config/claude");
  paths.add(user.pluginsDir, "config/claude/plugins");
  paths.add(`${user.pluginsDir}/cache`, "plugins/cache");
  paths.add("/home/jörg m/bin/lint.sh", "config/claude/from-home/bin/lint.sh");
  paths.add("/srv/market place", "plugins/marketplaces/acme");
  paths.add("/home/jörg m/my notes.md", "config/claude/from-home/my notes.md");
  return paths;
}

describe("paths in texts", () => {
  test.each([
    ['"/home/jörg m/.claude/hooks/a b.sh" --x', '"/vol/config/claude/hooks/a b.sh" --x'],
    ["/home/jörg\\ m/.claude/hooks/a\\ b.sh", "/vol/config/claude/hooks/a\\ b.sh"],
    ["cat '/home/jörg m/.claude'", "cat '/vol/config/claude'"],
    ["$CLAUDE_CONFIG_DIR/x ${CLAUDE_CONFIG_DIR}/y", "/vol/config/claude/x /vol/config/claude/y"],
    ['"$CLAUDE_CONFIG_DIR"/x', "/vol/config/claude/x"],
    ["${CLAUDE_CONFIG_DIR:-$HOME/.claude}/x", "/vol/config/claude/x"],
    ["~/.claude/plugins/cache/a/b", "/vol/plugins/cache/a/b"],
    ["$HOME/bin/lint.sh;${HOME}/bin/lint.sh", on("from-home/bin/lint.sh", ";")],
    ["Read(//home/jörg m/.claude/**)", "Read(//vol/config/claude/**)"],
    ["Bash(/home/jörg m/bin/lint.sh:*)", "Bash(/vol/config/claude/from-home/bin/lint.sh:*)"],
    ["See /srv/market place.", "See /vol/plugins/marketplaces/acme."],
    ["--dir=/srv/market\\ place,x", "--dir=/vol/plugins/marketplaces/acme,x"],
    ["@~/my\\ notes.md", "@/vol/config/claude/from-home/my\\ notes.md"],
    ['"$HOME/my notes.md"', '"/vol/config/claude/from-home/my notes.md"'],
    ["file:///srv/market place/a", "file:///vol/plugins/marketplaces/acme/a"],
  ])("%s", (text, expected) => {
    expect(mapOf().rewrite(text).text).toBe(expected);
  });

  test.each([
    "~/.claude/x stays, since the sandbox has it at the same place",
    "/home/jörg m/.claude.json",
    "/home/jörg m/.claude-old/x",
    "/home/jörg m/.claude_2",
    "/backup/home/jörg m/.claude/x",
    "https://example.com/srv/market place",
    "/srv/market places",
    "$HOME/bin/lint.sh.bak",
    "/home/jörg m/bin",
  ])("%s is another path", (text) => {
    expect(mapOf().rewrite(text)).toEqual({ text, rewrites: [] });
  });

  test("a rewrite is shown with the whole path", () => {
    const { rewrites } = mapOf().rewrite(`sh "/home/jörg m/.claude/a b.sh" -q`);
    expect(rewrites).toEqual([
      { from: "/home/jörg m/.claude/a b.sh", to: "/vol/config/claude/a b.sh" },
    ]);
  });

  test("a configuration elsewhere in the home directory is found under ~ too", () => {
    const paths = mapOf("/home/jörg m/own");
    expect(paths.rewrite("~/own/x ~/.claude/x").text).toBe("/vol/config/claude/x ~/.claude/x");
  });

  test("the innermost directory counts", () => {
    expect(mapOf().find(`${user.pluginsDir}/cache/a`)).toBe("/vol/plugins/cache/a");
    expect(mapOf().find(`${user.pluginsDir}/x.json`)).toBe("/vol/config/claude/plugins/x.json");
    expect(mapOf().find("/home/jörg m/bin/other.sh")).toBeUndefined();
  });
});

test("words of commands name paths", () => {
  expect(expandPath("~/x", user)).toBe("/home/jörg m/x");
  expect(expandPath("${HOME}/x", user)).toBe("/home/jörg m/x");
  expect(expandPath("$CLAUDE_CONFIG_DIR/x", user)).toBe("/home/jörg m/.claude/x");
  expect(expandPath("/x", user)).toBe("/x");
  expect(expandPath("~other/x", user)).toBeUndefined();
  expect(expandPath("$HOMER/x", user)).toBeUndefined();
  expect(expandPath("x/y", user)).toBeUndefined();
});

function on(path: string, separator: string): string {
  return [1, 2].map(() => `/vol/config/claude/${path}`).join(separator);
}
