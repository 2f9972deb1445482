import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { assembleSessionConfig } from "./session-config.ts";

/** The tests' own user: only root could give files away. */
const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

let root: string;
const at = (path: string) => join(root, path);
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "parhelia-session-"))));
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, content: unknown): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), typeof content === "string" ? content : JSON.stringify(content));
}

function get(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(at(path), "utf8")) as Record<string, unknown>;
}

interface Given {
  readonly apiKey?: string;
  readonly overriding?: readonly string[];
  readonly telemetry?: Readonly<Record<string, string>>;
}

function assemble({ apiKey, overriding = [], telemetry = {} }: Given = {}): string[] {
  return assembleSessionConfig({
    from: at("shared"),
    to: at("own"),
    owner,
    apiKey,
    trusted: ["/work"],
    overriding: new Set(overriding),
    telemetry,
  });
}

beforeEach(() => {
  put("shared/CLAUDE.md", "Be terse.");
  put("shared/skills/deploy/SKILL.md", "Deploy.");
  put("shared/settings.json", { model: "opus", env: { A: "1" } });
});

describe("D7: what Claude Code only reads is linked", () => {
  test("every entry, whole directories as one, also those that nobody has thought of", () => {
    put("shared/themes/dark.json", {});
    put("shared/workflows/ship.js", "");
    put("shared/hooks/log.sh", "");
    assemble();
    for (const entry of ["CLAUDE.md", "skills", "themes", "workflows", "hooks"]) {
      expect(readlinkSync(at(`own/${entry}`))).toBe(at(`shared/${entry}`));
    }
    expect(statSync(at("own")).mode & 0o777).toBe(0o700);
  });

  test("but no state that got onto the volume, nor what is Parhelia's or somebody's own", () => {
    for (const entry of ["history.jsonl", ".credentials.json", ".claude.json", "mcp_config.json"]) {
      put(`shared/${entry}`, '{"userID":"of somebody else"}');
    }
    put("shared/projects/-work/session.jsonl", "");
    put("shared/agent-memory/reviewer/MEMORY.md", "");
    assemble();
    const links = readdirSync(at("own"), { withFileTypes: true }).filter((entry) =>
      entry.isSymbolicLink(),
    );
    expect(links.map(({ name }) => name).sort()).toEqual(["CLAUDE.md", "skills"]);
    expect(get("own/.claude.json")).not.toHaveProperty("userID");
  });

  test("again, when the volume changed: new entries come, gone ones go, the session's own stay", () => {
    assemble();
    rmSync(at("shared/CLAUDE.md"));
    put("shared/agents/reviewer.md", "You review.");
    put("own/commands/mine.md", "Mine.");
    put("shared/commands/theirs.md", "Theirs.");
    symlinkSync("/elsewhere", at("own/notes"));
    assemble();
    expect(existsSync(at("own/CLAUDE.md"))).toBe(false);
    expect(readlinkSync(at("own/agents"))).toBe(at("shared/agents"));
    expect(readdirSync(at("own/commands"))).toEqual(["mine.md"]);
    expect(readlinkSync(at("own/notes"))).toBe("/elsewhere");
  });
});

describe("D7: what Claude Code writes is the session's own", () => {
  test("settings, with which it asks for nothing that a sandbox settles", () => {
    assemble();
    expect(lstatSync(at("own/settings.json")).isFile()).toBe(true);
    expect(statSync(at("own/settings.json")).mode & 0o777).toBe(0o600);
    expect(get("own/settings.json")).toEqual({
      skipDangerousModePermissionPrompt: true,
      enableAllProjectMcpServers: true,
      model: "opus",
      env: { A: "1" },
    });
  });

  test("unless the user has decided otherwise", () => {
    put("shared/settings.json", { enableAllProjectMcpServers: false });
    assemble();
    expect(get("own/settings.json")).toHaveProperty("enableAllProjectMcpServers", false);
  });

  test("also without settings on the volume, or with empty ones", () => {
    rmSync(at("shared/settings.json"));
    assemble();
    expect(get("own/settings.json")).toHaveProperty("skipDangerousModePermissionPrompt", true);
    put("shared/settings.json", "\n");
    expect(assemble()).toEqual([]);
  });

  test("remote.env and the sandbox win over env of the user's settings, whose other variables stay", () => {
    put("shared/settings.json", {
      env: { TZ: "Asia/Tokyo", ANTHROPIC_API_KEY: "k", EDITOR: "vi" },
    });
    assemble({ overriding: ["TZ", "ANTHROPIC_API_KEY"] });
    expect(get("own/settings.json")["env"]).toEqual({ EDITOR: "vi" });
  });

  test("where Claude Code sends its events, unless the user, remote.env or the sandbox has a collector", () => {
    const telemetry = { CLAUDE_CODE_ENABLE_TELEMETRY: "1", OTEL_LOGS_EXPORTER: "otlp" };
    const envWith = (env: Record<string, string>, overriding: readonly string[] = []) => {
      put("shared/settings.json", { env });
      assemble({ telemetry, overriding });
      return get("own/settings.json")["env"];
    };
    expect(envWith({ EDITOR: "vi" })).toEqual({ ...telemetry, EDITOR: "vi" });
    expect(envWith({ OTEL_METRICS_EXPORTER: "otlp" })).toEqual({ OTEL_METRICS_EXPORTER: "otlp" });
    expect(envWith({ EDITOR: "vi" }, ["OTEL_LOGS_EXPORTER"])).toEqual({ EDITOR: "vi" });
  });

  test("registries of plugins, with room for what a session installs and plugins keep", () => {
    const installed = { version: 2, plugins: { "a@m": [{ installPath: "/vol/a" }] } };
    put("shared/plugins/installed_plugins.json", installed);
    put("shared/plugins/known_marketplaces.json", { m: { installLocation: "/vol/m" } });
    put("shared/plugins/data/a-m/state", "");
    put("shared/plugins/blocklist.json", {});
    assemble();
    expect(get("own/plugins/installed_plugins.json")).toEqual(installed);
    expect(lstatSync(at("own/plugins")).isDirectory()).toBe(true);
    expect(readdirSync(at("own/plugins")).sort()).toEqual([
      "blocklist.json",
      "installed_plugins.json",
      "known_marketplaces.json",
    ]);
  });

  test("and again, when the volume changed: the session's changes stay", () => {
    put("shared/settings.json", { permissions: { deny: ["Bash(rm:*)"] }, model: "opus" });
    expect(assemble()).toEqual(["settings.json", ".claude.json"]);
    expect(assemble()).toEqual([]);
    const own = get("own/settings.json");
    put("own/settings.json", {
      ...own,
      permissions: { deny: ["Bash(rm:*)"], allow: ["Read"] },
      enabledPlugins: { "mine@m": true },
    });
    put("shared/settings.json", { permissions: { deny: ["Bash(rm:*)", "WebFetch"] } });
    expect(assemble()).toEqual(["settings.json"]);
    expect(get("own/settings.json")).toEqual({
      skipDangerousModePermissionPrompt: true,
      enableAllProjectMcpServers: true,
      permissions: { deny: ["Bash(rm:*)", "WebFetch"], allow: ["Read"] },
      enabledPlugins: { "mine@m": true },
    });
  });

  test("what the volume has no more, the session has no more, unless it changed it", () => {
    put("shared/plugins/installed_plugins.json", { version: 2, plugins: {} });
    put("shared/plugins/known_marketplaces.json", { m: { installLocation: "/vol/m" } });
    assemble();
    put("own/plugins/known_marketplaces.json", { n: { installLocation: "/own/n" } });
    rmSync(at("shared/plugins"), { recursive: true });
    expect(assemble()).toEqual(["plugins/installed_plugins.json"]);
    expect(existsSync(at("own/plugins/installed_plugins.json"))).toBe(false);
    expect(get("own/plugins/known_marketplaces.json")).toEqual({
      n: { installLocation: "/own/n" },
    });
  });

  test("a private file that is gone, as after a checkpoint without it, is made again", () => {
    assemble();
    rmSync(at("own/settings.json"));
    assemble();
    expect(get("own/settings.json")).toHaveProperty("model", "opus");
  });

  test("malformed settings on the volume are named, before anything is changed", () => {
    assemble();
    put("shared/settings.json", '{"permissions": ');
    put("shared/agents/new.md", "");
    expect(() => assemble()).toThrow(`${at("shared/settings.json")} is not valid JSON`);
    expect(existsSync(at("own/agents"))).toBe(false);
    expect(get("own/settings.json")).toHaveProperty("model", "opus");
  });

  test("a lock of a Claude Code at work is waited for, but not for ever, nor one left behind", () => {
    assemble();
    put("shared/settings.json", { model: "haiku" });
    mkdirSync(at("own/settings.json.lock"));
    utimesSync(at("own/settings.json.lock"), 0, 0);
    let startedMs = performance.now();
    assemble();
    expect(performance.now() - startedMs).toBeLessThan(400);
    expect(existsSync(at("own/settings.json.lock"))).toBe(false);

    put("shared/settings.json", { model: "sonnet" });
    mkdirSync(at("own/settings.json.lock"));
    startedMs = performance.now();
    assemble();
    expect(performance.now() - startedMs).toBeGreaterThan(400);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(get("own/settings.json")).toHaveProperty("model", "sonnet");
    expect(existsSync(at("own/settings.json.lock"))).toBe(true);
  });
});

describe("D8: MCP servers", () => {
  const server = (command: string) => ({ command, env: { TOKEN: "${TOKEN}" } });

  test("of mcp_config.json become the session's, without what only the launcher knows", () => {
    const web = { type: "http", url: "http://127.0.0.1:1/mcp", headers: { A: "b" } };
    put("shared/mcp_config.json", {
      mcpServers: {
        files: { ...server("files"), start: "eager", timeoutMs: 1_000 },
        web: { ...web, command: "serve", args: ["1"], env: {}, cwd: "/", start: "eager" },
      },
    });
    assemble();
    expect(get("own/.claude.json")["mcpServers"]).toEqual({ files: server("files"), web });
  });

  test("stay beside those that the session added, and go when the volume has them no more", () => {
    put("shared/mcp_config.json", { mcpServers: { one: server("one"), two: server("two") } });
    assemble();
    const own = get("own/.claude.json");
    const servers = own["mcpServers"] as Record<string, unknown>;
    put("own/.claude.json", { ...own, mcpServers: { ...servers, mine: server("mine") } });
    put("shared/mcp_config.json", { mcpServers: { one: server("one-2") } });
    expect(assemble()).toEqual([".claude.json"]);
    expect(get("own/.claude.json")["mcpServers"]).toEqual({
      one: server("one-2"),
      mine: server("mine"),
    });
  });

  test("a broken mcp_config.json, which the launcher reports, leaves them as they were", () => {
    put("shared/mcp_config.json", { mcpServers: { one: server("one") } });
    assemble();
    put("shared/mcp_config.json", '{"mcpServers": ');
    expect(assemble()).toEqual([]);
    expect(get("own/.claude.json")["mcpServers"]).toEqual({ one: server("one") });
  });
});

describe("the questions of Claude Code's first start", () => {
  const key = `sk-ant-${"x".repeat(40)}-the-last-20-chars-ok`;

  test("are answered", () => {
    assemble({ apiKey: key });
    expect(get("own/.claude.json")).toEqual({
      hasSeenAutoDefaultNotice: true,
      hasSeenAutoDefaultNudge: true,
      hasSeenAutoModeEntryWarning: true,
      hasCompletedOnboarding: true,
      projects: { "/work": { hasTrustDialogAccepted: true } },
      customApiKeyResponses: { approved: ["the-last-20-chars-ok".slice(-20)], rejected: [] },
      mcpServers: {},
    });
    expect(statSync(at("own/.claude.json")).mode & 0o777).toBe(0o600);
  });

  test("SPEC-01.AC4: no more of the key is stored than Claude Code compares", () => {
    assemble({ apiKey: key });
    for (const name of readdirSync(at("own")).filter((entry) => entry.endsWith(".json"))) {
      expect(readFileSync(at(`own/${name}`), "utf8").includes(key.slice(-21))).toBe(false);
    }
  });

  test.each(["dummy", "exactly-20-characters", " with spaces around \n"])(
    "for the key '%s', too",
    (apiKey) => {
      assemble({ apiKey });
      const { approved } = get("own/.claude.json")["customApiKeyResponses"] as {
        approved: string[];
      };
      expect(approved).toEqual([apiKey.trim().slice(-20)]);
    },
  );

  test("a key that the session refused stays refused", () => {
    put("own/.claude.json", {
      customApiKeyResponses: { approved: ["other"], rejected: ["dummy"] },
    });
    assemble({ apiKey: "dummy" });
    expect(get("own/.claude.json")["customApiKeyResponses"]).toEqual({
      approved: ["other"],
      rejected: ["dummy"],
    });
  });

  test("what the session wrote before a restart stays", () => {
    assemble();
    const own = { theme: "light", machineID: "m", projects: { "/work": { history: [1] } } };
    put("own/.claude.json", own);
    assemble();
    expect(get("own/.claude.json")).toMatchObject({
      theme: "light",
      machineID: "m",
      projects: { "/work": { history: [1], hasTrustDialogAccepted: true } },
    });
  });

  test("a file with which Claude Code would not start is named", () => {
    put("own/.claude.json", "{");
    expect(() => assemble()).toThrow(`${at("own/.claude.json")} is not valid JSON`);
  });
});

test("5,000 files cost no more than a few: links lead to directories", () => {
  for (let index = 0; index < 50; index++) {
    for (let file = 0; file < 100; file++) put(`shared/skills/s${index}/f${file}`, "x");
  }
  const startedMs = performance.now();
  assemble();
  expect(performance.now() - startedMs).toBeLessThan(100);
});

test.runIf(owner.uid === 0)(
  "as root: what is made is the session's user's, who leads root nowhere",
  () => {
    chmodSync(root, 0o755);
    put("shared/plugins/known_marketplaces.json", { m: {} });
    put("victim/known_marketplaces.json", "untouched");
    const user = { uid: 12_345, gid: 12_345 };
    const options = {
      from: at("shared"),
      to: at("own"),
      owner: user,
      apiKey: undefined,
      trusted: [],
    };
    assembleSessionConfig({ ...options, overriding: new Set(), telemetry: {} });
    for (const entry of ["", ".claude.json", "settings.json", "plugins", "skills"]) {
      expect(lstatSync(at(`own/${entry}`)).uid).toBe(user.uid);
    }
    rmSync(at("own/plugins"), { recursive: true });
    symlinkSync(at("victim"), at("own/plugins"));
    expect(() =>
      assembleSessionConfig({ ...options, overriding: new Set(), telemetry: {} }),
    ).toThrow("EACCES");
    expect(readFileSync(at("victim/known_marketplaces.json"), "utf8")).toBe("untouched");
    expect(process.geteuid?.()).toBe(0);
  },
);
