import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ParityReport } from "../../packages/parhelia/src/parity/check-parity.ts";
import { bundleMcpServer } from "../support/bundle-mcp-server.ts";
import { fetchClaudeCode } from "../support/claude-code.ts";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import { listeningAddresses } from "../support/listeners.ts";
import { MadeUpPerson } from "../support/made-up-person.ts";
import { MCP_SERVER } from "../support/made-up-plugins.ts";
import type { CommandOptions } from "../support/parhelia.ts";
import { runProgram, startProgram, type RunningProgram } from "../support/run-program.ts";
import {
  callTool,
  say,
  startScriptedMessagesApi,
  toolResults,
} from "../support/scripted-messages-api.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

/** The hanging server is waited for this long, here and there. */
const MCP_TIMEOUT_MS = 4_000;

/** Longer than the tests take. */
const WEB_TIMEOUT_MS = 15 * 60_000;

const CLAUDE = "/vol/parhelia/config/claude";

const home = useSharedHome();
const claude = await fetchClaudeCode();
const program = "path" in claude ? claude.path : "";
if ("unavailable" in claude) {
  process.stderr.write(`skipped: no real Claude Code to test with: ${claude.unavailable}\n`);
}

/** A volume of this file's own. */
const configuration = join(home.directory, "parity.toml");
writeFileSync(configuration, `[image]\npip = []\n[volume]\nname = "parity-${process.pid}"\n`);
const flags = ["--config", configuration];

const secret = randomSecret();

/** Would keep the prompt from ever being sent. */
const HOOK_THAT_REFUSES = {
  UserPromptSubmit: [{ hooks: [{ type: "command", command: "exit 2" }] }],
};

describe.skipIf(program === "")("SPEC-01.04 parhelia doctor NAME", () => {
  const session = new Session(home, "parity", flags);
  let person: MadeUpPerson;
  /** An MCP server over HTTP on this machine. */
  let web: RunningProgram;
  /** Stands for an API that costs tokens: nothing may ask it. */
  let trap: Server;
  const trapped: string[] = [];

  function asPerson(options: CommandOptions = {}): CommandOptions {
    const env = { ...person.env, MCP_TIMEOUT: `${MCP_TIMEOUT_MS}`, ...options.env };
    return { cwd: person.elsewhere, ...options, env };
  }

  beforeAll(async () => {
    trap = createServer((request, response) => {
      trapped.push(request.url ?? "");
      response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
    person = new MadeUpPerson(program);
    await person.installPlugins();
    const bundle = person.write("web-server.cjs", await bundleMcpServer());
    const options = { env: person.env, timeoutMs: WEB_TIMEOUT_MS };
    web = startProgram(process.execPath, [bundle, "http", "0", "hello"], options);
    const address = await eventually("the web server", 10_000, () =>
      Promise.resolve(listeningAddresses(web.pid)[0]),
    );
    await person.addServers(`http://${address}/mcp`);
    person.writeConfiguration({ model: "opus", permissions: { defaultMode: "acceptEdits" } });
    person.write(".claude/skills/ab läuft/key.txt", secret);
    await home.succeed([...flags, "sync"], asPerson());
    await session.up();
  });

  afterAll(async () => {
    trap.close();
    web.signal("SIGTERM");
    await session.stop();
    person.cleanUp();
  });

  async function doctor(exitStatus: number, options: CommandOptions = {}): Promise<ParityReport> {
    const args = [...flags, "doctor", session.name, "--json"];
    const result = await home.run(args, asPerson(options));
    expect(result.exitStatus, result.stdout + result.stderr).toBe(exitStatus);
    return JSON.parse(result.stdout) as ParityReport;
  }

  /** The differences that are there from the start: what cannot be the same. */
  const ALWAYS = ["mcpServers web", "tools mcp__web__hello"];

  /** `aspect name`: cause, without those that are always there. */
  function causes({ differences }: ParityReport): Record<string, string | null> {
    return Object.fromEntries(
      differences
        .map(({ aspect, name, cause }) => [`${aspect} ${name}`.trim(), cause] as const)
        .filter(([key]) => !ALWAYS.includes(key)),
    );
  }

  test("the sandbox's Claude runs the hooks and calls the MCP tools of a person's own set-up", async () => {
    const api = await startScriptedMessagesApi({
      turns: [
        callTool("mcp__own__greet", {}),
        callTool("mcp__plugin_beta_acme-beta-server__greet", {}),
        callTool("mcp__plugin_gamma_shared-gamma-server__greet", {}),
        say("Done."),
      ],
    });
    const allowed = ["own", "plugin_beta_acme-beta-server", "plugin_gamma_shared-gamma-server"];
    const tools = allowed.map((server) => `mcp__${server}__greet`).join(",");
    const variables = Object.entries({
      HOOK_LOG: "/tmp/hooks.log",
      MCP_TIMEOUT: `${MCP_TIMEOUT_MS}`,
      ANTHROPIC_API_KEY: randomSecret(),
    }).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    const run = await home.run(
      [...flags, "run", session.name, "greet me", ...variables, "--", "--allowedTools", tools],
      { env: { ANTHROPIC_BASE_URL: api.url } },
    );
    await api.close();
    expect(run, run.stderr).toMatchObject({ exitStatus: 0, stdout: "Done.\n" });
    expect(api.mainRequests.slice(1).map((request) => toolResults(request).at(-1))).toEqual([
      "hello from own",
      "hello from acme-beta",
      "hello from shared-gamma",
    ]);
    const log = (await session.output(["cat", "/tmp/hooks.log"])).split("\n");
    expect(log.map((line) => line.split(" ")[0]).sort()).toEqual([
      "acme-alpha",
      "acme-beta",
      "own",
      "shared-gamma",
    ]);
  });

  test("finds everything the same, but for what is only on this machine", async () => {
    const before = readFileSync(join(person.configDir, "settings.json"), "utf8");
    const report = await doctor(0);
    expect(report).toMatchObject({ session: session.name, parity: true });
    expect(report.differences).toEqual([
      expect.objectContaining({ aspect: "tools", name: "mcp__web__hello", explained: true }),
      expect.objectContaining({ aspect: "mcpServers", name: "web", explained: true }),
    ]);
    expect(report.differences[1]?.cause).toContain("it is only on this machine");
    expect(JSON.stringify(report)).not.toContain(secret);
    expect(report.same).toMatchObject({ version: ["2.1.330"], permissionMode: ["acceptEdits"] });
    expect(report.same.model).toEqual([expect.stringContaining("opus")]);
    expect(report.same.skills).toEqual(
      expect.arrayContaining([
        "ab läuft",
        "linked",
        "alpha:acme-alpha-skill",
        "gamma:shared-gamma-skill",
      ]),
    );
    expect(report.same.agents).toEqual(
      expect.arrayContaining(["reviewer", "beta:acme-beta-agent", "gamma:shared-gamma-agent"]),
    );
    expect(report.same.slashCommands).toEqual(
      expect.arrayContaining(["release notes:ship it", "alpha:acme-alpha-command"]),
    );
    expect(report.same.mcpServers).toEqual(
      expect.arrayContaining(["own", "missing", "hanging", "plugin:alpha:acme-alpha-server"]),
    );
    expect(report.same.tools).toContain("mcp__own__greet");
    expect(report.same.plugins).toEqual(
      expect.arrayContaining(["alpha@acme", "beta@acme", "gamma@shared"]),
    );
    expect(report.same.memoryFiles).toEqual([
      `${CLAUDE}/CLAUDE.md`,
      `${CLAUDE}/from-home/notes/ünter wegs.md`,
    ]);
    expect(report.same.hooks).toHaveLength(4);
    expect(readFileSync(join(person.configDir, "settings.json"), "utf8")).toBe(before);
    expect(existsSync(join(person.configDir, "projects", "-else-where"))).toBe(false);
    expect(existsSync(join(person.configDir, "history.jsonl"))).toBe(false);
  });

  test("ends at once at Ctrl-C, with the servers that Claude Code started here", async () => {
    const running = home.start([...flags, "doctor", session.name], asPerson());
    await running.printed(/target local/);
    // Those of this person: sessions of other tests have servers of the same name.
    const servers = join(person.home, "own servers/größe.py");
    const own = ["-f", servers, "-u", `${process.getuid?.() ?? 0}`];
    const processes = async () => {
      const found = await runProgram("pgrep", own, { env: process.env, timeoutMs: 5_000 });
      return found.stdout.trim() || undefined;
    };
    await eventually("a server", 20_000, processes);
    running.signal("SIGINT");
    expect(await running.result).toMatchObject({ exitStatus: 130, stdout: "" });
    await eventually("the servers' end", 10_000, async () =>
      (await processes()) ? undefined : true,
    );
  });

  test("tells what belongs to a project that the session has not", async () => {
    const project = join(person.home, "my projekt");
    person.write(`${project}/CLAUDE.md`, "The project's word is plum.");
    person.page(`${project}/.claude/skills/of-project/SKILL.md`, "of-project");
    const server = person.write(`${project}/server.py`, MCP_SERVER, 0o755);
    person.write(`${project}/.mcp.json`, {
      mcpServers: {
        "project-own": { command: "python3", args: ["server.py", "project"] },
        "project-absolute": { command: server, args: ["project"] },
        "project-missing": { command: "no-such-program" },
      },
    });
    const found = causes(await doctor(0, { cwd: project }));
    expect(Object.keys(found).sort()).toEqual([
      "mcpServers project-absolute",
      "mcpServers project-missing",
      "mcpServers project-own",
      "memoryFiles CLAUDE.md",
      "skills of-project",
      "slashCommands of-project",
      "tools mcp__project-absolute__greet",
      "tools mcp__project-own__greet",
    ]);
    expect(found["memoryFiles CLAUDE.md"]).toContain(`the files around ${project}`);
    expect(found["mcpServers project-own"]).toContain(`the files around ${project}`);
    expect(found["mcpServers project-absolute"]).toContain("it is only on this machine");
    expect(found["mcpServers project-missing"]).toContain("it needs something installed");
    expect(found["tools mcp__project-own__greet"]).toContain("the MCP server project-own");
  });

  test("tells what a session changed, and which variables are otherwise", async () => {
    const add = ["claude", "mcp", "add", "--scope", "user", "added", "--", "no-such-program"];
    await session.output(add);
    await session.output(["claude", "plugin", "disable", "beta@acme"]);
    const found = causes(await doctor(0, { env: { ANTHROPIC_MODEL: "haiku" } }));
    await session.output(["claude", "plugin", "enable", "beta@acme"]);
    await session.output(["claude", "mcp", "remove", "--scope", "user", "added"]);
    expect(found["mcpServers added"]).toContain(`changed in session ${session.name}`);
    expect(found["plugins beta@acme"]).toContain(`changed in session ${session.name}`);
    expect(found["skills beta:acme-beta-skill"]).toBe("it comes with the plugin beta@acme");
    expect(found["model"]).toBe("ANTHROPIC_MODEL: not the same here and in the sandbox");
  });

  test("tells what is not synced yet, and spends no token whatever the settings say", async () => {
    person.page(".claude/skills/newest/SKILL.md", "newest");
    person.page(join(person.elsewhere, "outside/SKILL.md"), "outside");
    person.link(".claude/skills/outside", join(person.elsewhere, "outside"));
    person.write(".claude/CLAUDE.md", "The word of the day is sloe.");
    const before = trapped.length;
    const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/costs`;
    const env = { ANTHROPIC_BASE_URL: url, ANTHROPIC_AUTH_TOKEN: randomSecret() };
    person.addSettings({ model: "sonnet", env, hooks: HOOK_THAT_REFUSES });
    const report = await doctor(0, { env: { ANTHROPIC_BASE_URL: url } });
    const found = causes(report);
    for (const key of [
      "skills newest",
      "slashCommands newest",
      "model",
      `memoryFiles ${CLAUDE}/CLAUDE.md`,
    ]) {
      expect(found[key], key).toContain("it changed here since the last sync");
    }
    expect(report.differences.find(({ name }) => name === "newest")?.remedy).toBe("parhelia sync");
    expect(found["skills outside"]).toContain("it was not sent: the symbolic link leads to");
    expect(found["settings env ANTHROPIC_AUTH_TOKEN"]).toContain("it needs a login or a secret");
    expect(trapped.slice(before).filter((path) => path.startsWith("/costs"))).toEqual([]);
    expect(JSON.stringify(report)).not.toContain(env.ANTHROPIC_AUTH_TOKEN);
  });

  test("ends with 1 when nothing explains a difference, and shows it last", async () => {
    await home.succeed([...flags, "sync"], asPerson());
    await session.asRoot(["sh", "-c", `echo "By another hand." > ${CLAUDE}/CLAUDE.md`]);
    const run = await home.run([...flags, "doctor", session.name], asPerson());
    expect(run.exitStatus, run.stdout + run.stderr).toBe(1);
    const lines = run.stdout.trim().split("\n");
    expect(lines.at(-2)).toMatch(
      new RegExp(
        `^unexplained +memory files: ${CLAUDE}/CLAUDE.md: 28 bytes, sha256 \\w+ here, 16 bytes`,
      ),
    );
    expect(lines.at(-1)).toContain("has 1 difference that nothing explains");
    expect(run.stdout).toMatch(/^same +MCP servers: /m);
    expect(run.stdout).toMatch(
      /^explained +MCP servers: web: .*\n +cause: it is only on this machine/m,
    );
    expect(run.stdout).not.toContain("sloe");
  });

  test("leaves no directory behind when it is interrupted in its second look", async () => {
    const scratch = join(person.directory, "scratch");
    mkdirSync(scratch);
    const args = [...flags, "doctor", session.name];
    const running = home.start(args, asPerson({ env: { TMPDIR: scratch } }));
    const emptyDirectory = () => readdirSync(scratch).find((name) => name.startsWith("parhelia-"));
    await eventually("the second look", 60_000, () => Promise.resolve(emptyDirectory()));
    running.signal("SIGINT");
    expect(await running.result).toMatchObject({ exitStatus: 130 });
    expect(emptyDirectory()).toBeUndefined();
  });

  test("says what to do without a claude on this machine, or without the session", async () => {
    const args = [...flags, "doctor", session.name];
    const none = await home.run(args, asPerson({ env: { PATH: "/usr/bin:/bin" } }));
    expect(none).toMatchObject({ exitStatus: 2, stdout: "" });
    expect(none.stderr).toContain("there is no claude on this machine");
    expect(none.stderr).toContain("npm install --global @anthropic-ai/claude-code");
    const unknown = await home.run([...flags, "doctor", "no-such"], asPerson());
    expect(unknown.exitStatus).toBe(2);
    expect(unknown.stderr).toContain("no session named no-such is running");
  });
});
