import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchClaudeCode } from "../support/claude-code.ts";
import { eventually } from "../support/eventually.ts";
import { MCP_SERVER, writeMarketplace } from "../support/made-up-plugins.ts";
import { runProgram } from "../support/run-program.ts";
import {
  callTool,
  say,
  startScriptedMessagesApi,
  toolResults,
} from "../support/scripted-messages-api.ts";
import { filesWith, formsOf, randomSecret } from "../support/leaks.ts";
import { publishImage, Session, useOwnHome } from "../support/shared-home.ts";
import { syncedFiles } from "../support/volume-content.ts";

const GITHUB_TOKEN = ["ghp", "16C7e42F292c6912E7710c838347Ae178B4a"].join("_");
const SKILL_FILES = 1_000;

const home = useOwnHome(); // its volume is this file's alone
const session = new Session(home, "synced");
const claude = await fetchClaudeCode();
const program = "path" in claude ? claude.path : "";
if ("unavailable" in claude) {
  process.stderr.write(`skipped: no real Claude Code to test with: ${claude.unavailable}\n`);
}

interface SyncResult {
  readonly changed: boolean;
  readonly sentFiles: number;
  readonly removedFiles: number;
  readonly plan: {
    readonly fileCount: number;
    readonly items: readonly { kind: string; name: string; verdict: string; detail: string }[];
  };
  readonly sessions: readonly { name: string; runningClaudes: number }[];
}

function write(path: string, content: string | object, mode = 0o644): string {
  const file = join(home.directory, path);
  mkdirSync(dirname(file), { recursive: true });
  const text = typeof content === "string" ? content : JSON.stringify(content);
  writeFileSync(file, text, { mode });
  return file;
}

async function sync(): Promise<SyncResult> {
  return (await home.json(["sync"])) as SyncResult;
}

/** The real Claude Code on this machine, as the person of this home. */
async function claudeHere(...args: readonly string[]): Promise<void> {
  const env = { ...home.env, DISABLE_UPDATES: "1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };
  const { exitStatus, stderr } = await runProgram(program, args, { env, timeoutMs: 60_000 });
  if (exitStatus !== 0) throw new Error(`claude ${args.join(" ")}: ${stderr}`);
}

describe.skipIf(program === "")("SPEC-01.04 parhelia sync brings the person's own Claude", () => {
  beforeAll(async () => {
    await publishImage(home);
    await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
      stdin: randomSecret(),
    });
    writeMarketplace(join(home.directory, "own plugins"), "acme", ["alpha", "beta"]);
    await claudeHere("plugin", "marketplace", "add", join(home.directory, "own plugins"));
    await claudeHere("plugin", "install", "alpha@acme");
    await claudeHere("plugin", "install", "beta@acme");
    const server = write("servers/größe.py", MCP_SERVER, 0o755);
    await claudeHere("mcp", "add", "--scope", "user", "own", "--", server, "own");
    await claudeHere("mcp", "add", "--scope", "user", "missing", "--", "no-such-program");

    const settings = join(home.directory, ".claude", "settings.json");
    const hook = write(
      ".claude/hooks/on prompt.sh",
      '#!/bin/sh\necho "person $0" >> "$HOOK_LOG"\n',
      0o755,
    );
    const command = `"${hook}"`;
    write(".claude/settings.json", {
      ...(JSON.parse(readFileSync(settings, "utf8")) as object),
      hooks: { UserPromptSubmit: [{ hooks: [{ type: "command", command }] }] },
    });
    write(".claude/CLAUDE.md", "The word of the day is quince.\n@~/notes/more.md\n");
    write("notes/more.md", "The colour of the day is teal.");
    write("dotfiles/skill/SKILL.md", "---\nname: linked\ndescription: linked\n---\nLinked.\n");
    mkdirSync(join(home.directory, ".claude", "skills"), { recursive: true });
    symlinkSync("../../dotfiles/skill", join(home.directory, ".claude", "skills", "linked"));
    write(".claude/skills/big one/SKILL.md", "---\nname: big\ndescription: big\n---\nBig.\n");
    for (let file = 0; file < SKILL_FILES; file += 1) {
      write(`.claude/skills/big one/dätä/${file}.md`, `page ${file} `.repeat(50));
    }
    write(".claude/skills/big one/token.txt", `token ${GITHUB_TOKEN}`);
    write(".claude/.credentials.json", { claudeAiOauth: { accessToken: "never-to-be-sent" } });
    write(".claude/projects/-a/talk.jsonl", "never-to-be-sent");
  });

  afterAll(async () => {
    await session.stop();
  });

  test("the plan comes first, and touches nothing", async () => {
    const { stdout, exitStatus } = await home.run(["sync", "--dry-run"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toContain("skills/big one/token.txt: it looks like a GitHub token");
    expect(stdout).toContain("no-such-program is not in the image");
    expect(stdout).toContain("→ /vol/parhelia/config/claude/hooks/on prompt.sh");
    expect(stdout).not.toContain(GITHUB_TOKEN);
    expect(existsSync(join(home.project, "parhelia.lock"))).toBe(false);
  });

  test("what is malformed is refused, with status 2 and the place, before anything is sent", async () => {
    const file = join(home.directory, ".claude", "settings.json");
    const good = readFileSync(file, "utf8");
    writeFileSync(file, `${good},`);
    const { exitStatus, stderr } = await home.run(["sync"]);
    writeFileSync(file, good);
    expect(exitStatus).toBe(2);
    expect(stderr).toMatch(/settings\.json:\d+:\d+: this is not JSON/);
  });

  test("the first sync sends all of it, the second one nothing, the third one what changed", async () => {
    const first = await sync();
    expect(first.changed).toBe(true);
    expect(first.sentFiles).toBe(first.plan.fileCount);
    expect(first.sentFiles).toBeGreaterThan(SKILL_FILES);
    const files = await syncedFiles(home);
    expect(files.size).toBe(first.plan.fileCount);
    expect([...files.keys()].filter((path) => /token|credentials|projects/.test(path))).toEqual([]);

    expect(await sync()).toMatchObject({ changed: false, sentFiles: 0 });

    write(".claude/skills/big one/dätä/7.md", "another page");
    expect(await sync()).toMatchObject({ changed: true, sentFiles: 1, removedFiles: 0 });
  });

  test("the Claude of a session has the same plugins, skills, agents, commands, memory, servers, hooks", async () => {
    await session.up("--env", "HOOK_LOG=/tmp/hooks.log");
    const api = await startScriptedMessagesApi({
      turns: [callTool("mcp__own__greet", {}), say("done")],
    });
    const args = [
      "run",
      session.name,
      "hello",
      "--json",
      "--",
      "--allowedTools",
      "mcp__own__greet",
    ];
    const run = await home.run(args, { env: { ANTHROPIC_BASE_URL: api.url } });
    await api.close();
    expect(run.exitStatus, run.stdout.slice(-2_000) + run.stderr).toBe(0);
    const line = run.stdout.split("\n").find((text) => text.includes('"subtype":"init"')) ?? "{}";
    const init = JSON.parse(line) as Record<string, readonly { name?: string }[]>;
    const plugins = (init["plugins"] ?? []).map(({ name }) => name);
    expect(plugins).toEqual(expect.arrayContaining(["alpha", "beta"]));
    expect(init["skills"]).toEqual(
      expect.arrayContaining([
        "linked",
        "big one",
        "alpha:acme-alpha-skill",
        "beta:acme-beta-skill",
      ]),
    );
    expect(init["agents"]).toContain("alpha:acme-alpha-agent");
    expect(init["slash_commands"]).toContain("beta:acme-beta-command");
    expect((init["mcp_servers"] ?? []).map(({ name }) => name)).toEqual(
      expect.arrayContaining(["own", "missing", "plugin:alpha:acme-alpha-server"]),
    );
    const [request] = api.mainRequests;
    const asked = JSON.stringify(request?.body);
    expect(asked).toContain("quince");
    expect(asked).toContain("teal");
    expect(toolResults(api.mainRequests[1])).toEqual(["hello from own"]);
    const log = await session.output(["cat", "/tmp/hooks.log"]);
    expect(log).toContain("person /vol/parhelia/config/claude/hooks/on prompt.sh");
    expect(log).toContain("acme-alpha /vol/parhelia/plugins/marketplaces/acme/plugins/alpha");
    expect(log).toContain("acme-beta /vol/parhelia/plugins/marketplaces/acme/plugins/beta");
  });

  test("a running session has it, its claude once it starts again, and secrets are nowhere", async () => {
    await claudeHere("mcp", "add", "--scope", "user", "another", "--", "bash", "-c", "cat");
    const { stdout, stderr, exitStatus } = await home.run(["sync"]);
    expect(exitStatus).toBe(0);
    expect(stdout).toContain(`session ${session.name} has it\n`);
    expect(stderr).toContain("no-such-program is not in the image");
    expect(await session.output(["claude", "mcp", "get", "another"])).toContain("bash");
    await session.output(["tmux", "send-keys", "-t", "main", "claude", "Enter"]);
    await eventually(
      "a claude",
      20_000,
      async () => (await session.exec(["pgrep", "-x", "claude"])).stdout.trim() || undefined,
    );
    write(".claude/CLAUDE.md", "The word of the day is sloe.");
    expect(await home.succeed(["sync"])).toContain(`session ${session.name} has it; claude runs`);
    const found = await session.asRoot([
      "sh",
      "-c",
      `grep -rlE '${GITHUB_TOKEN}|never-to-be-sent' /vol/parhelia || true`,
    ]);
    expect(found).toBe("");
    const secrets = [GITHUB_TOKEN, "never-to-be-sent"];
    const plan = await home.succeed(["sync", "--dry-run", "--json"]);
    const logs = await home.succeed(["logs", session.name]);
    for (const secret of secrets) expect(stdout + stderr + plan + logs).not.toContain(secret);
    const forms = secrets.flatMap(formsOf);
    expect(filesWith(home.stateDirectory, forms)).toEqual([]);
  });
});
