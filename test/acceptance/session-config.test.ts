import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import { MCP_SERVER, writeMarketplace } from "../support/made-up-plugins.ts";
import { runProgram } from "../support/run-program.ts";
import {
  callTool,
  say,
  startScriptedMessagesApi,
  toolResults,
  type ScriptedMessagesApi,
  type Turn,
} from "../support/scripted-messages-api.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const CLAUDE = "/vol/parhelia/config/claude";
const PLUGINS = "/vol/parhelia/plugins";
const OWN = "/var/lib/parhelia/claude";
const REMOTE_ENV = "/vol/parhelia/config/env/remote.env";

/** As the specification of this part has it: "well under 100 ms" for this many files. */
const FILES = 5_000;
const MAX_ASSEMBLY_MS = 100;

/** Nothing answers there: Claude Code need not wait for a network that is not there. */
const NO_API = "http://127.0.0.1:9";

const home = useSharedHome();

/** A volume of this file's own. */
const configuration = join(home.directory, "session-config.toml");
writeFileSync(configuration, `[image]\npip = []\n[volume]\nname = "sessions-${process.pid}"\n`);
const flags = ["--config", configuration];

const one = new Session(home, "config-one", flags);
const two = new Session(home, "config-two", flags);
const apis: ScriptedMessagesApi[] = [];

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: randomSecret(),
  });
  const writer = new Session(home, "config-writer", flags);
  await writer.up();
  await layConfiguration(writer);
  await writer.stop();
  await one.up("--env", "GIVEN=by the sandbox");
  await two.up();
});
afterAll(async () => {
  await Promise.all(apis.map((api) => api.close()));
  await one.stop();
  await two.stop();
  await home.succeed(["secret", "rm", "anthropic-api-key"]);
});

/** What a sync brings: a marketplace with two plugins, and one of everything of the user's own. */
async function layConfiguration(writer: Session): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parhelia-made-up-"));
  chmodSync(folder, 0o755);
  writeMarketplace(folder, "acme", ["alpha", "beta"]);
  const tar = await runProgram("tar", ["-cf", "-", "-C", folder, "."], {
    env: process.env,
    timeoutMs: 10_000,
  });
  rmSync(folder, { recursive: true });
  const marketplace = `${PLUGINS}/marketplaces/acme`;
  await writer.asRoot(["mkdir", "-p", marketplace]);
  await writer.asRoot(["tar", "-x", "--no-same-owner", "-C", marketplace], {
    stdin: tar.stdoutBytes,
  });
  const cache = `${PLUGINS}/cache/acme`;
  const copy = `for p in alpha beta; do mkdir -p $1/$p && cp -r $0/plugins/$p $1/$p/1.0.0; done`;
  await writer.asRoot(["sh", "-ec", copy, marketplace, cache]);
  const source = { source: "directory", path: marketplace };
  const plugin = (name: string) => [
    { scope: "user", version: "1.0.0", installPath: `${cache}/${name}/1.0.0` },
  ];
  await put(writer, `${CLAUDE}/plugins/installed_plugins.json`, {
    version: 2,
    plugins: { "alpha@acme": plugin("alpha"), "beta@acme": plugin("beta") },
  });
  await put(writer, `${CLAUDE}/plugins/known_marketplaces.json`, {
    acme: { source, installLocation: marketplace, lastUpdated: "2026-11-23T20:31:04.984Z" },
  });
  await put(writer, `${CLAUDE}/settings.json`, {
    enabledPlugins: { "alpha@acme": true, "beta@acme": true },
    extraKnownMarketplaces: { acme: { source } },
    env: { HOOK_LOG: "/tmp/hooks.log", TZ: "Asia/Tokyo", GIVEN: "by settings", OTHER: "kept" },
    hooks: {
      UserPromptSubmit: [{ hooks: [{ type: "command", command: `${CLAUDE}/hooks/log.sh` }] }],
    },
  });
  const page = "---\nname: NAME\ndescription: made up\n---\nSay hello.\n";
  const script = '#!/bin/sh\necho "user TZ=$TZ GIVEN=$GIVEN OTHER=$OTHER" >> "$HOOK_LOG"\n';
  await put(writer, `${CLAUDE}/hooks/log.sh`, script);
  await writer.asRoot(["chmod", "755", `${CLAUDE}/hooks/log.sh`]);
  await put(writer, `${CLAUDE}/skills/deploy/SKILL.md`, page.replace("NAME", "deploy"));
  await put(writer, `${CLAUDE}/agents/reviewer.md`, page.replace("NAME", "reviewer"));
  await put(writer, `${CLAUDE}/commands/ship.md`, page);
  await put(writer, `${CLAUDE}/output-styles/pirate.md`, page.replace("NAME", "Pirate"));
  await put(writer, `${CLAUDE}/themes/mine.json`, "{}");
  await put(writer, `${CLAUDE}/CLAUDE.md`, "The word of the day is quince.");
  await put(writer, `${CLAUDE}/server.py`, MCP_SERVER);
  await put(writer, `${CLAUDE}/mcp_config.json`, {
    mcpServers: {
      own: { command: "python3", args: [`${CLAUDE}/server.py`, "own"], timeoutMs: 5_000 },
      missing: { command: "no-such-program" },
    },
  });
  await put(writer, REMOTE_ENV, "TZ=Europe/Berlin\n");
  const many = `for d in $(seq 50); do mkdir -p $0/pages/$d; (cd $0/pages/$d && touch $(seq ${FILES / 50})); done`;
  await writer.asRoot(["sh", "-c", many, `${CLAUDE}/skills/deploy`]);
}

async function put(session: Session, file: string, content: string | object): Promise<void> {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const write = 'mkdir -p "$(dirname "$0")" && cat > "$0"';
  await session.asRoot(["sh", "-c", write, file], { stdin: text });
}

async function json(session: Session, file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await session.output(["cat", file])) as Record<string, unknown>;
}

interface InitEvent {
  readonly plugins: readonly { name: string; path: string }[];
  readonly mcp_servers: readonly { name: string; status: string }[];
  readonly skills: readonly string[];
  readonly agents: readonly string[];
  readonly slash_commands: readonly string[];
  readonly claude_code_version: string;
}

/** A headless turn. @returns the `init` event, and what Claude Code sent */
async function turn(session: Session, turns: readonly Turn[], ...claudeArguments: string[]) {
  const api = await startScriptedMessagesApi({ turns });
  apis.push(api);
  const run = await home.run(
    [...flags, "run", session.name, `hello ${session.name}`, "--json", "--", ...claudeArguments],
    { env: { ANTHROPIC_BASE_URL: api.url } },
  );
  expect(run.exitStatus, run.stdout.slice(-2_000) + run.stderr).toBe(0);
  const line = run.stdout.split("\n").find((text) => text.includes('"subtype":"init"'));
  return { init: JSON.parse(line ?? "{}") as InitEvent, requests: api.mainRequests };
}

/** Name, size and content of every file of the shared configuration and plugins. */
function sharedFiles(session: Session): Promise<string> {
  const list = `find ${CLAUDE} ${PLUGINS} -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum`;
  return session.output(["sh", "-c", list]);
}

describe("SPEC-01.04, D7: the Claude Code of a session", () => {
  test("is the user's: plugins, skills, agents, commands, memory, MCP servers, hooks", async () => {
    const { init, requests } = await turn(
      one,
      [callTool("mcp__own__greet", {}), say("Done.")],
      "--allowedTools",
      "mcp__own__greet",
    );
    const plugins = init.plugins.filter(({ path }) => path !== "builtin");
    expect(plugins.map(({ name }) => name).sort()).toEqual(["alpha", "beta"]);
    expect(init.skills).toEqual(
      expect.arrayContaining(["deploy", "alpha:acme-alpha-skill", "beta:acme-beta-skill"]),
    );
    expect(init.agents).toEqual(
      expect.arrayContaining(["reviewer", "alpha:acme-alpha-agent", "beta:acme-beta-agent"]),
    );
    expect(init.slash_commands).toEqual(
      expect.arrayContaining(["ship", "alpha:acme-alpha-command", "beta:acme-beta-command"]),
    );
    const servers = init.mcp_servers.map(({ name, status }) => `${name} ${status}`).sort();
    expect(servers).toEqual([
      "missing failed",
      "own connected",
      "plugin:alpha:acme-alpha-server connected",
      "plugin:beta:acme-beta-server connected",
    ]);
    expect(JSON.stringify(requests[0]?.body)).toContain("quince");
    expect(toolResults(requests[1])).toEqual(["hello from own"]);
    const log = await one.output(["cat", "/tmp/hooks.log"]);
    expect(log).toContain(`acme-alpha ${PLUGINS}/marketplaces/acme/plugins/alpha`);
    expect(log).toContain(`acme-beta ${PLUGINS}/marketplaces/acme/plugins/beta`);
  });

  test("obeys the sandbox's variables and remote.env before the user's settings", async () => {
    const log = await one.output(["grep", "^user ", "/tmp/hooks.log"]);
    expect(log).toBe("user TZ=Europe/Berlin GIVEN=by the sandbox OTHER=kept");
  });

  test(`is assembled in well under 100 ms, with ${FILES} files`, async () => {
    const stepsMs = [await assemblyMs(one), await assemblyMs(two)];
    const third = new Session(home, "config-three", flags);
    await third.up();
    stepsMs.push(await assemblyMs(third));
    await third.stop();
    process.stderr.write(`configuration of ${FILES} files: ${stepsMs.join(", ")} ms\n`);
    // What else the machine does is in these times: one that is short is proof.
    expect(Math.min(...stepsMs)).toBeLessThan(MAX_ASSEMBLY_MS);
    const skill = `${OWN}/skills/deploy/pages/50/100`;
    expect((await two.exec(["test", "-f", skill])).exitStatus).toBe(0);
    expect(await two.output(["readlink", `${OWN}/themes`])).toBe(`${CLAUDE}/themes`);
  });

  /** How long the whole first step of init took. */
  async function assemblyMs(session: Session): Promise<number> {
    const { stdout } = await home.run([...flags, "logs", session.name]);
    return Number(/link-config ok (\d+)ms/.exec(stdout)?.[1]);
  }
});

describe("D7: two sessions at once", () => {
  test("work, change their settings, and leave each other's and the volume's as they are", async () => {
    const before = await sharedFiles(one);
    const add = (session: Session, name: string) =>
      session.output(["claude", "mcp", "add", "--scope", "user", name, "--", "cat"]);
    await Promise.all([
      turn(one, [say("I am one.")]),
      turn(two, [say("I am two.")]),
      add(one, "only-one"),
      add(two, "only-two"),
    ]);
    await one.output(["claude", "plugin", "disable", "alpha@acme"]);
    await two.output(["claude", "plugin", "uninstall", "beta@acme"]);

    expect(await sharedFiles(two)).toBe(before);
    for (const [session, other, its] of [
      [one, "config-two", "only-one"],
      [two, "config-one", "only-two"],
    ] as const) {
      const servers = (await json(session, `${OWN}/.claude.json`))["mcpServers"] as object;
      expect(Object.keys(servers).sort()).toEqual(["missing", its, "own"].sort());
      const talks = `grep -rl "hello ${session.name}" ${OWN}/projects; grep -rl "hello ${other}" ${OWN}`;
      expect((await session.exec(["sh", "-c", talks])).stdout).toMatch(
        /^\S+\.jsonl\n(\S+\.jsonl\n)?$/,
      );
    }
    const enabled = async (session: Session) =>
      (await json(session, `${OWN}/settings.json`))["enabledPlugins"];
    expect(await enabled(one)).toEqual({ "alpha@acme": false, "beta@acme": true });
    expect(await enabled(two)).toEqual({ "alpha@acme": true });
  });

  test("cannot change the volume's configuration", async () => {
    const attempts = `cd ${OWN} && ! touch skills/x 2>&1 && ! echo x >> CLAUDE.md && ! rm ${CLAUDE}/settings.json`;
    const { exitStatus, stdout } = await one.exec(["sh", "-c", attempts]);
    expect({ exitStatus, stdout }).toMatchObject({ exitStatus: 0 });
  });

  test("follow the volume when it changes, and keep what is theirs", async () => {
    await put(one, `${CLAUDE}/mcp_config.json`, { mcpServers: { later: { command: "cat" } } });
    const settings = await json(one, `${CLAUDE}/settings.json`);
    await put(one, `${CLAUDE}/settings.json`, { ...settings, permissions: { deny: ["WebFetch"] } });
    await put(one, `${CLAUDE}/workflows/new.js`, "");
    const assemble = ["parhelia-container", "assemble-session"];
    expect(JSON.parse(await one.asRoot(assemble))).toEqual({ runningClaudes: 0 });
    const files = ["settings.json", ".claude.json"].map((name) => `${OWN}/${name}`);
    const written = await one.output(["stat", "--format", "%n %i %y", ...files]);
    // Where nothing changed, nothing is written.
    await one.asRoot(assemble);
    expect(await one.output(["stat", "--format", "%n %i %y", ...files])).toBe(written);

    const servers = (await json(one, `${OWN}/.claude.json`))["mcpServers"] as object;
    expect(Object.keys(servers).sort()).toEqual(["later", "only-one"]);
    const own = await json(one, `${OWN}/settings.json`);
    expect(own["permissions"]).toEqual({ deny: ["WebFetch"] });
    expect(own["enabledPlugins"]).toEqual({ "alpha@acme": false, "beta@acme": true });
    expect(await one.output(["readlink", `${OWN}/workflows`])).toBe(`${CLAUDE}/workflows`);
    const { init } = await turn(one, [say("Still one.")]);
    expect(init.mcp_servers.map(({ name }) => name)).toContain("only-one");
    expect(init.mcp_servers.map(({ name }) => name)).not.toContain("own");
  });
});

describe("D7: Claude Code asks nothing at its first start", () => {
  /** Starts Claude Code in a window of tmux. @returns the screen, once it shows a prompt or a question */
  async function screenOf(command: string, directory = "/vol/parhelia/workspaces") {
    const name = "first-start";
    const start = ["new-session", "-d", "-s", name, "-x", "150", "-y", "40", "-c", directory];
    const shell = `ANTHROPIC_BASE_URL=${NO_API} ${command}`;
    await two.output(["tmux", ...start, shell]);
    try {
      return await eventually("Claude Code's screen", 60_000, async () => {
        const screen = await two.output(["tmux", "capture-pane", "-p", "-t", name]);
        return /^❯|Enter to confirm/m.test(screen) ? screen : undefined;
      });
    } finally {
      await two.output(["tmux", "kill-session", "-t", name]);
    }
  }

  test.each([
    ["in the workspace", "claude", undefined, "mode on"],
    [
      "with permissions skipped",
      "claude --dangerously-skip-permissions",
      undefined,
      "bypass permissions on",
    ],
    ["in auto mode", "claude --permission-mode auto", undefined, "auto mode on"],
    ["in a repository elsewhere", "claude", "/tmp/elsewhere", "/tmp/elsewhere"],
  ])("%s", async (_, command, directory, expected) => {
    const server = { mcpServers: { project: { command: "cat" } } };
    await put(two, "/tmp/elsewhere/.mcp.json", server);
    await two.asRoot(["git", "init", "--quiet", "/tmp/elsewhere"]);
    const screen = await screenOf(command, directory);
    expect(screen).toMatch(/^❯/m);
    expect(screen).toContain(expected);
    expect(screen).not.toMatch(/Enter to confirm|Auto mode is now|trust this folder|API key/);
  });

  test("with a key of any length", async () => {
    const short = new Session(home, "config-short", flags);
    await short.up("--env", "ANTHROPIC_API_KEY=dummy");
    try {
      const responses = (await json(short, `${OWN}/.claude.json`))["customApiKeyResponses"];
      expect(responses).toEqual({ approved: ["dummy"], rejected: [] });
      await short.output([
        "tmux",
        "send-keys",
        "-t",
        "main",
        `ANTHROPIC_BASE_URL=${NO_API} claude`,
        "Enter",
      ]);
      const screen = await eventually("Claude Code's screen", 60_000, async () => {
        const text = await short.output(["tmux", "capture-pane", "-p", "-t", "main"]);
        return /^❯|Enter to confirm/m.test(text) ? text : undefined;
      });
      expect(screen).toContain("API Usage Billing");
      expect(screen).not.toContain("Enter to confirm");
    } finally {
      await short.stop();
    }
  });
});

test("malformed settings on the volume fail up, which names them: Claude Code would ignore their rules", async () => {
  const settings = await json(one, `${CLAUDE}/settings.json`);
  await put(one, `${CLAUDE}/settings.json`, '{"permissions": {"deny": ["Bash"]},}');
  await one.commit();
  const { exitStatus, stderr } = await home.run([...flags, "up", `config-broken-${process.pid}`]);
  await put(one, `${CLAUDE}/settings.json`, settings);
  expect(exitStatus).toBe(1);
  expect(stderr).toContain("init step 1/5 link-config failed");
  expect(stderr).toContain(`${CLAUDE}/settings.json is not valid JSON`);
});
