import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchClaudeCode } from "../../../../../test/support/claude-code.ts";
import {
  ClaudeHome,
  itemOf,
  sentJson,
  writeTree,
} from "../../../../../test/support/claude-home.ts";
import { MCP_SERVER, writeMarketplace } from "../../../../../test/support/made-up-plugins.ts";
import { runProgram } from "../../../../../test/support/run-program.ts";
import {
  say,
  startScriptedMessagesApi,
} from "../../../../../test/support/scripted-messages-api.ts";
import type { CollectedConfiguration } from "../sync-tree.ts";

/** Stands for a git host: git is told to find it in the file system. */
const GIT_HOST = "https://git.example.test";

const claude = await fetchClaudeCode();
if ("unavailable" in claude) {
  process.stderr.write(`skipped: no real Claude Code to test with: ${claude.unavailable}\n`);
}
const program = "path" in claude ? claude.path : "";

interface InitEvent {
  readonly plugins: readonly { readonly name: string; readonly path: string }[];
  readonly mcp_servers: readonly { readonly name: string; readonly status: string }[];
  readonly skills: readonly string[];
  readonly agents: readonly string[];
  readonly slash_commands: readonly string[];
  readonly tools: readonly string[];
}

describe.skipIf(program === "")("SPEC-01.04 the real Claude Code with what was collected", () => {
  let person: ClaudeHome;
  let volume: string;
  let collected: CollectedConfiguration;
  let here: { init: InitEvent; hookLog: string };
  let commit: string;

  function env(): NodeJS.ProcessEnv {
    return {
      ...person.env,
      DISABLE_UPDATES: "1",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: "1",
    };
  }

  async function run(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string> {
    const options = { env: { ...env(), ...more }, cwd: person.directory, timeoutMs: 50_000 };
    const { exitStatus, stdout, stderr } = await runProgram(program, args, options);
    if (exitStatus !== 0) throw new Error(`claude ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  }

  /** One headless turn: its first event, and what the plugins' hooks wrote. */
  async function turn(
    name: string,
    more: NodeJS.ProcessEnv = {},
  ): Promise<{ init: InitEvent; hookLog: string }> {
    const api = await startScriptedMessagesApi({ turns: [say("done")] });
    const hookLog = join(person.directory, `${name}.log`);
    try {
      const stdout = await run(["-p", "hello", "--output-format", "stream-json", "--verbose"], {
        ANTHROPIC_BASE_URL: api.url,
        ANTHROPIC_API_KEY: `sk-test-${"0".repeat(40)}`,
        HOOK_LOG: hookLog,
        // The first event then has the servers' final states.
        MCP_CONNECTION_NONBLOCKING: "0",
        ...more,
      });
      const init = stdout.split("\n").find((line) => line.includes('"subtype":"init"')) ?? "{}";
      return { init: JSON.parse(init) as InitEvent, hookLog: readFileSync(hookLog, "utf8") };
    } finally {
      await api.close();
    }
  }

  beforeAll(async () => {
    person = new ClaudeHome();
    const { home, directory } = person;
    writeMarketplace(join(home, "own plugins"), "acme", ["alpha", "beta"]);
    const repository = join(directory, "repository");
    writeMarketplace(repository, "shared", ["gamma", "delta"]);
    const git = (...args: string[]): string =>
      execFileSync(
        "git",
        ["-C", repository, "-c", "user.name=A", "-c", "user.email=a@example.test", ...args],
        {
          encoding: "utf8",
          env: env(),
        },
      );
    git("init", "--quiet", "--initial-branch=main");
    git("add", "--all");
    git("commit", "--quiet", "--message=Plugins");
    commit = git("rev-parse", "HEAD").trim();
    git("clone", "--quiet", "--bare", repository, join(directory, "plugins.git"));
    writeFileSync(
      join(home, ".gitconfig"),
      `[url "file://${directory}/"]\n\tinsteadOf = ${GIT_HOST}/\n`,
    );
    await run(["plugin", "marketplace", "add", join(home, "own plugins")]);
    await run(["plugin", "marketplace", "add", `${GIT_HOST}/plugins.git`]);
    for (const id of ["alpha@acme", "beta@acme", "gamma@shared"])
      await run(["plugin", "install", id]);
    person.write("servers/größe.py", MCP_SERVER, 0o755);
    await run([
      "mcp",
      "add",
      "--scope",
      "user",
      "own",
      "--",
      join(home, "servers/größe.py"),
      "own",
    ]);
    person.write(
      ".claude/skills/mine/SKILL.md",
      "---\nname: mine\ndescription: mine\n---\nMine.\n",
    );
    here = await turn("here");

    volume = join(directory, "volume");
    collected = person.collect({ volumeRoot: volume });
    writeTree(collected.tree, volume);
    // What is not on the volume is not there any more.
    renameSync(home, join(directory, "gone"));
    mkdirSync(home);
  }, 120_000);

  afterAll(() => {
    person.cleanUp();
  });

  /** As a session has it: its own directory, with links to the shared configuration. */
  function session(): NodeJS.ProcessEnv {
    const directory = join(person.directory, "session");
    mkdirSync(directory, { recursive: true });
    for (const entry of ["settings.json", "plugins", "skills"]) {
      symlinkSync(join(volume, "config", "claude", entry), join(directory, entry));
    }
    const { mcpServers } = sentJson(collected, "mcp_config.json") as { mcpServers: unknown };
    writeFileSync(join(directory, ".claude.json"), JSON.stringify({ mcpServers }));
    return { CLAUDE_CONFIG_DIR: directory };
  }

  test("it lists the same plugins, skills, agents, commands and MCP servers, and runs the hooks", async () => {
    const there = await turn("there", session());
    for (const key of ["skills", "agents", "slash_commands", "mcp_servers", "tools"] as const) {
      expect([...there.init[key]].sort(byText), key).toEqual([...here.init[key]].sort(byText));
    }
    expect(there.init.plugins.map(({ name }) => name)).toEqual(
      here.init.plugins.map(({ name }) => name),
    );
    expect(there.init.mcp_servers).toContainEqual({
      name: "own",
      status: "connected",
      source: "user",
    });
    expect(there.init.skills).toContain("gamma:shared-gamma-skill");
    expect(there.init.agents).toContain("beta:acme-beta-agent");
    const roots = there.hookLog.trim().split("\n").sort();
    expect(roots).toEqual([
      `acme-alpha ${volume}/plugins/marketplaces/acme/plugins/alpha`,
      `acme-beta ${volume}/plugins/marketplaces/acme/plugins/beta`,
      `shared-gamma ${volume}/plugins/cache/shared/gamma/1.0.0`,
    ]);
    expect(here.hookLog.trim().split("\n")).toHaveLength(roots.length);
    const listed = JSON.parse(
      await run(["plugin", "list", "--json"], {
        CLAUDE_CONFIG_DIR: join(person.directory, "session"),
      }),
    ) as readonly {
      id: string;
      enabled: boolean;
      installPath: string;
      errors?: unknown;
    }[];
    expect(listed.map(({ id, enabled, errors }) => [id, enabled, errors])).toEqual([
      ["alpha@acme", true, undefined],
      ["beta@acme", true, undefined],
      ["gamma@shared", true, undefined],
    ]);
    for (const { installPath } of listed) expect(installPath).toContain(`${volume}/plugins/cache/`);
  });

  test("the plan says what was rewritten, and the git marketplace's repository and commit", () => {
    expect(collected.pluginSources).toEqual([
      {
        name: "shared",
        repository: `${GIT_HOST}/plugins.git`,
        commit,
        path: `${volume}/plugins/marketplaces/shared`,
      },
    ]);
    expect(itemOf(collected, "acme")).toMatchObject({ kind: "marketplace", verdict: "rewritten" });
    expect(itemOf(collected, "shared")?.detail).toContain(commit.slice(0, 12));
    expect(itemOf(collected, "beta@acme")).toMatchObject({ kind: "plugin", verdict: "rewritten" });
    expect(itemOf(collected, "gamma@shared shared-gamma-server")?.verdict).toBe("portable");
    expect(itemOf(collected, "beta@acme UserPromptSubmit")?.verdict).toBe("portable");
    expect(sentJson(collected, "plugins/known_marketplaces.json")).toMatchObject({
      acme: { source: { source: "directory", path: `${volume}/plugins/marketplaces/acme` } },
      shared: { source: { source: "git", url: `${GIT_HOST}/plugins.git` } },
    });
    expect(JSON.stringify([...collected.tree.keys()])).not.toContain("/.git/");
  });
});

function byText(first: unknown, second: unknown): number {
  return JSON.stringify(first) < JSON.stringify(second) ? -1 : 1;
}
