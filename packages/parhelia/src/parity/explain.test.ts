import { describe, expect, test } from "vitest";
import { viewOf } from "../../../../test/support/claude-view.ts";
import type { SyncItem } from "../layers/sync-tree.ts";
import type { Difference } from "./compare-views.ts";
import type { Evidence } from "./evidence.ts";
import { explain } from "./explain.ts";
import { differingVariables } from "./variables.ts";

const NOTHING: Evidence = {
  session: "work",
  here: viewOf(),
  there: viewOf(),
  plan: [],
  isSynced: true,
  unsynced: [],
  unloaded: [],
  editedServers: [],
  changes: { settings: [], servers: [], plugins: [] },
  servers: [],
  variables: [],
  cwd: "/home/me/project",
};

const lostSkill: Difference = { aspect: "skills", name: "deploy", here: "", there: null };
const failing: Difference = {
  aspect: "mcpServers",
  name: "own",
  here: "connected",
  there: "failed",
};
const lostTool: Difference = { aspect: "tools", name: "Cron", here: "", there: null };
const otherModel: Difference = { aspect: "model", name: "", here: "opus", there: "sonnet" };

function causeOf(difference: Difference, evidence: Partial<Evidence>): string | undefined {
  return explain(difference, { ...NOTHING, ...evidence })?.cause;
}

function item(kind: SyncItem["kind"], name: string, verdict: SyncItem["verdict"]): SyncItem {
  return { kind, name, verdict, detail: "as found" };
}

describe("a difference is explained", () => {
  test.each([
    [
      "a file that was refused",
      lostSkill,
      { plan: [item("file", "skills/deploy/SKILL.md", "refused")] },
      "it was not sent: as found",
    ],
    [
      "a whole directory that was refused",
      lostSkill,
      { plan: [item("file", "skills/deploy", "refused")] },
      "it was not sent: as found",
    ],
    [
      "a program that is missing",
      failing,
      { plan: [item("mcp-server", "own", "needs-install")] },
      "it needs something installed: as found",
    ],
    [
      "a sync that is due",
      lostSkill,
      { unsynced: ["config/claude/skills/deploy/SKILL.md"] },
      "it changed here since the last sync: config/claude/skills/deploy/SKILL.md",
    ],
    [
      "no sync at all",
      lostSkill,
      { isSynced: false, unsynced: ["config/claude/skills/deploy/SKILL.md"] },
      "nothing was synced yet",
    ],
    [
      "a session that has not loaded it",
      lostSkill,
      { unloaded: ["config/claude/skills/a", "config/claude/skills/b"] },
      "session work has not loaded what the last sync brought: config/claude/skills/a, config/claude/skills/b",
    ],
    [
      "a session's own change",
      otherModel,
      { changes: { settings: ["model"], servers: [], plugins: [] } },
      "it was changed in session work, and a sync leaves that alone",
    ],
    [
      "an edit on the volume",
      failing,
      { editedServers: ["own"] },
      "mcp_config.json was edited on the volume, and a sync leaves that alone",
    ],
    [
      "a variable",
      otherModel,
      { variables: ["ANTHROPIC_MODEL", "ENABLE_X"] },
      "ANTHROPIC_MODEL: not the same here and in the sandbox",
    ],
    [
      "a variable of what is built in",
      lostTool,
      { variables: ["ANTHROPIC_MODEL", "ENABLE_X"] },
      "ENABLE_X: not the same here and in the sandbox",
    ],
    [
      "another version, for what is built in",
      lostTool,
      { there: viewOf({ version: { "": "2.1.331" } }) },
      "it is built into one version of Claude Code, and not into the other",
    ],
    [
      "the project here",
      lostSkill,
      { here: viewOf({ skills: ["deploy"] }), withoutProject: { here: viewOf(), there: viewOf() } },
      "it comes with the files around /home/me/project, which the workspace of session work has not, or has otherwise",
    ],
    [
      "the session's workspace",
      { ...lostSkill, here: null, there: "" },
      {
        there: viewOf({ skills: ["deploy"] }),
        withoutProject: { here: viewOf(), there: viewOf() },
      },
      "it comes with the files in the workspace of session work",
    ],
  ] as [string, Difference, Partial<Evidence>, string][])(
    "by %s",
    (_by, difference, evidence, cause) => {
      expect(causeOf(difference, evidence)).toBe(cause);
    },
  );

  test("by the version itself, with the line to write", () => {
    const explanation = explain(
      { aspect: "version", name: "", here: "2.1.340", there: "2.1.330" },
      NOTHING,
    );
    expect(explanation?.remedy).toContain('claude_code = "2.1.340"');
  });

  test("by the server or the plugin that it comes with", () => {
    const here = viewOf({
      mcpServers: { "plugin:alpha:größe": "connected" },
      plugins: ["alpha@acme"],
    });
    const tool = { ...lostTool, name: "mcp__plugin_alpha_gr__e__greet" };
    expect(causeOf(tool, { here })).toBe("it goes with the MCP server plugin:alpha:größe");
    const skill = { ...lostSkill, name: "alpha:deploy" };
    expect(causeOf(skill, { here })).toBe("it comes with the plugin alpha@acme");
  });

  test("by the plan of a plugin's, a project's or a directory's server", () => {
    const plan = [
      item("mcp-server", "alpha@acme own", "needs-login"),
      item("mcp-server", "own (project)", "needs-install"),
      item("mcp-server", "own (only in /home/me)", "only-here"),
    ];
    const ofPlugin = { ...failing, name: "plugin:alpha:own" };
    expect(causeOf(ofPlugin, { plan })).toContain("it needs a login");
    const withSource = (source: string) => ({
      plan,
      here: viewOf({ serverSources: { own: source } }),
    });
    expect(causeOf(failing, withSource("project"))).toContain("it needs something installed");
    expect(causeOf(failing, withSource("local"))).toContain("it is only on this machine");
    expect(causeOf(failing, withSource("user"))).toBeUndefined();
  });
});

describe("a difference is not explained", () => {
  test.each([
    ["nothing is known", lostSkill, {}],
    ["a part of the plan that works", lostSkill, { plan: [item("skill", "deploy", "rewritten")] }],
    ["other files are to be synced", lostSkill, { unsynced: ["config/claude/agents/deploy.md"] }],
    [
      "another version, but the user's own skill",
      lostSkill,
      { plan: [item("skill", "deploy", "portable")], there: viewOf({ version: { "": "2" } }) },
    ],
    ["a variable for the model", lostTool, { variables: ["ANTHROPIC_MODEL"] }],
    [
      "the memory file that was synced",
      {
        aspect: "memoryFiles",
        name: "/vol/parhelia/config/claude/CLAUDE.md",
        here: "a",
        there: "b",
      },
      { unsynced: ["config/claude/rules/CLAUDE.md"] },
    ],
    [
      "a server without project, too",
      failing,
      {
        here: viewOf({ mcpServers: { own: "connected" } }),
        withoutProject: { here: viewOf({ mcpServers: { own: "connected" } }), there: viewOf() },
      },
    ],
  ] as [string, Difference, Partial<Evidence>][])("by %s", (_by, difference, evidence) => {
    expect(causeOf(difference, evidence)).toBeUndefined();
  });
});

test("variables differ by value, whichever way settings write it; those of an account do not count", () => {
  const here = { ENABLE_A: 1, DISABLE_B: true, ANTHROPIC_API_KEY: "x", HOME: "/a", MCP_C: "1" };
  const there = {
    ENABLE_A: "1",
    DISABLE_B: "false",
    ANTHROPIC_API_KEY: "y",
    HOME: "/b",
    CLAUDE_CODE_D: "",
    CLAUDE_CODE_ENABLE_TELEMETRY: "1",
  };
  expect(differingVariables(here, there)).toEqual(["DISABLE_B", "MCP_C"]);
});
