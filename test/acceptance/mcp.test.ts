import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleMcpServer } from "../support/bundle-mcp-server.ts";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import {
  becomes,
  MCP_SERVER_PATH as SERVER,
  processes,
  reported,
  stdio,
  web,
  type ServerStatus,
} from "../support/mcp-session.ts";
import {
  callTool,
  say,
  startScriptedMessagesApi,
  toolResults,
} from "../support/scripted-messages-api.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const CONFIG = "/vol/parhelia/config/claude/mcp_config.json";
const HANG_TIMEOUT_MS = 1_500;

/** The pauses between five attempts. */
const BACKOFF_MS = 500 + 1_000 + 2_000 + 4_000;

/** How much the fastest of a few starts may differ from the fastest of a few others. */
const NOISE_MS = 150;

const secret = randomSecret();
const home = useSharedHome();

/** A volume of this file's own. */
const configuration = join(home.directory, "mcp.toml");
writeFileSync(configuration, `[image]\npip = []\n[volume]\nname = "mcp-${process.pid}"\n`);
const flags = ["--config", configuration];

const writer = new Session(home, "mcp-writer", flags);
beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: randomSecret(),
  });
  await writer.up();
  await writer.asRoot(["sh", "-c", `cat > ${SERVER}`], { stdin: await bundleMcpServer() });
});
afterAll(async () => {
  await writer.stop();
  await home.succeed(["secret", "rm", "anthropic-api-key"]);
});

/** With a process of its own that outlives it, unless someone ends both. */
const hanging = {
  command: "sh",
  args: ["-c", "trap '' TERM; sleep 4321 & sleep 4322"],
  timeoutMs: HANG_TIMEOUT_MS,
};

/** Starts a session that finds these servers, and ends it whatever happens. */
async function withServers(
  mcpServers: object,
  work: (session: Session) => Promise<void>,
  name = "mcp",
): Promise<void> {
  await putConfig(JSON.stringify({ mcpServers }));
  const session = new Session(home, name, flags);
  await session.up("--env", `MCP_SECRET=${secret}`);
  try {
    await work(session);
  } finally {
    await session.stop();
    await writer.asRoot(["rm", "-f", CONFIG]);
  }
}

/** Writes the volume's MCP configuration, for whatever starts or reloads next. */
async function putConfig(content: string): Promise<void> {
  await writer.asRoot(["sh", "-c", `cat > ${CONFIG}`], { stdin: content });
  await writer.commit();
}

/** What `mcp status --json` prints, and its exit status. */
async function statusOf(session: Session) {
  const result = await home.run([...flags, "mcp", "status", session.name, "--json"]);
  const { servers } = JSON.parse(result.stdout) as { servers: ServerStatus[] };
  const by = Object.fromEntries(servers.map((server) => [server.name, server]));
  return { ...result, servers: by };
}

describe("D8: parhelia mcp status asks every server now", () => {
  test("and says what works, what does not, and why", async () => {
    const servers = {
      good: stdio("one", "two"),
      remote: { ...web(7801, "three"), start: "lazy" },
      missing: { command: "npx", args: ["-y", "some-server"] },
      python: { command: "uvx", args: ["some-server"] },
      hanging,
      crashing: {
        command: "sh",
        args: ["-c", 'echo "cannot use $KEY" >&2; exit 3'],
        env: { KEY: "${MCP_SECRET}" },
      },
      nobody: { type: "http", url: "http://127.0.0.1:7899/mcp" },
      old: { type: "sse", url: "http://127.0.0.1:7899/sse" },
      unset: { command: "bun", args: ["${MCP_NOWHERE}"] },
      other: { command: "bun", args: ["${MCP_NOWHERE:-/nonexistent.js}"] },
    };
    await withServers(servers, async (session) => {
      const { exitStatus, servers: found, stdout, stderr, durationMs } = await statusOf(session);
      expect(exitStatus, stderr).toBe(1);
      expect(found["good"]).toMatchObject({ state: "ready", tools: ["one", "two"] });
      expect(found["good"]?.startupMs).toBeGreaterThan(0);
      expect(found["remote"]).toMatchObject({ state: "ready", tools: ["three"] });
      expect(found["missing"]).toMatchObject({ state: "missing-program", tools: null });
      expect(found["missing"]?.remedy).toContain('add "nodejs", "npm" to apt under [image]');
      expect(found["python"]?.remedy).toContain('add "uv" to pip under [image]');
      expect(found["hanging"]).toMatchObject({
        state: "failed",
        lastError: `no answer to a handshake within ${HANG_TIMEOUT_MS} ms`,
      });
      expect(found["crashing"]?.lastError).toBe("ended with status 3: cannot use ***");
      expect(found["nobody"]?.lastError).toBe("nothing listens at 127.0.0.1:7899");
      expect(found["old"]?.lastError).toBe("nothing listens at 127.0.0.1:7899");
      expect(found["unset"]?.lastError).toContain("MCP_NOWHERE is not set in the sandbox");
      expect(found["other"]).toMatchObject({ state: "failed" });
      // All at the same time: one that hangs holds up no other.
      expect(durationMs).toBeLessThan(HANG_TIMEOUT_MS + 4_000);

      const table = await home.run([...flags, "mcp", "status", session.name]);
      expect(table.exitStatus).toBe(1);
      expect(table.stdout).toMatch(/^NAME +TRANSPORT +STATE +TOOLS +START-UP +LAST ERROR\n/);
      expect(table.stdout).toMatch(/^good +stdio +ready +one, two +\d+ ms$/m);
      expect(table.stdout).toMatch(/^missing +stdio +missing-program .*nodejs/m);

      // Nothing that was started for it is left, and lazy servers were not started before.
      expect(await processes(session, `${SERVER}|sleep 432`)).toEqual([]);
      const { stdout: logs } = await home.run([...flags, "logs", session.name]);
      const report = await session.output(["cat", "/run/parhelia/mcp.json"]);
      for (const text of [stdout, stderr, table.stdout, table.stderr, logs, report]) {
        expect(text.includes(secret)).toBe(false);
      }
      expect(await reported(session, "good")).toMatchObject({ state: "idle", tools: null });
    });
  });

  test("with exit status 0 when all answer", async () => {
    const headers = { Authorization: "Bearer ${MCP_SECRET}" };
    const guarded = { ...web(7801, "guarded"), env: { MCP_TOKEN: "${MCP_SECRET}" }, headers };
    await withServers({ good: stdio("one"), guarded }, async (session) => {
      await becomes(session, "guarded", "ready");
      const { exitStatus, servers } = await statusOf(session);
      expect(servers["guarded"]).toMatchObject({ state: "ready", tools: ["guarded"] });
      expect(exitStatus).toBe(0);
    });
  });

  test("and with 1 when the file is no JSON", async () => {
    await putConfig("{");
    const { exitStatus, stderr } = await home.run([...flags, "mcp", "status", writer.name]);
    await writer.asRoot(["rm", CONFIG]);
    expect(exitStatus).toBe(1);
    expect(stderr).toContain(`${CONFIG}: is not valid JSON`);
  });
});

describe("SPEC-01.13 step 3: eager servers", () => {
  test("over HTTP are run: started again when they end, given up when they always do", async () => {
    const crashing = { ...web(7802), command: "sh", args: ["-c", "echo no disk >&2; exit 4"] };
    await withServers({ web: web(7801, "one"), crashing }, async (session) => {
      const startedMs = performance.now();
      const { pid, tools } = await becomes(session, "web", "ready");
      expect(tools).toEqual(["one"]);
      await session.asRoot(["kill", "-9", String(pid)]);
      const again = await eventually("a second start", 30_000, async () => {
        const server = await reported(session, "web");
        return server.state === "ready" && server.restarts === 1 ? server : undefined;
      });
      expect(again.pid).not.toBe(pid);

      const failed = await becomes(session, "crashing", "failed");
      expect(performance.now() - startedMs).toBeGreaterThan(BACKOFF_MS - 2_000);
      expect(failed).toMatchObject({
        restarts: 4,
        pid: null,
        lastError: "ended with status 4: no disk",
      });
      const { servers } = await statusOf(session);
      expect(servers["crashing"]).toMatchObject({ state: "failed", lastError: failed.lastError });
      expect(servers["web"]).toMatchObject({ state: "ready", pid: again.pid, restarts: 1 });
      expect(await processes(session, `${SERVER} http 7801`)).toHaveLength(1);
    });
  });

  test("over stdio are started, checked and ended", async () => {
    await withServers({ warm: { ...stdio("one"), start: "eager" } }, async (session) => {
      expect(await becomes(session, "warm", "ready")).toMatchObject({ tools: ["one"], pid: null });
      expect(await processes(session, SERVER)).toEqual([]);
    });
  });

  test("end with the launcher, and what they started with them", async () => {
    const stubborn = {
      ...web(7803, "one"),
      command: "sh",
      args: ["-c", `trap '' TERM; sleep 4323 & bun ${SERVER} http 7803 one`],
    };
    const servers = {
      web: web(7801, "one"),
      stubborn,
      hanging: { ...hanging, start: "eager", timeoutMs: 60_000 },
    };
    await withServers(servers, async (session) => {
      await Promise.all(["web", "stubborn"].map((name) => becomes(session, name, "ready")));
      expect(await processes(session, "^sleep 432")).toHaveLength(3);
      await session.asRoot(["pkill", "-TERM", "-f", "parhelia-mcp-launcher.js$"]);
      const left = await eventually("the launcher's end", 10_000, async () => {
        const running = await processes(session, "parhelia-mcp-launcher.js$");
        return running.length === 0 ? processes(session, `${SERVER}|sleep 432`) : undefined;
      });
      expect(left).toEqual([]);
      for (const name of ["web", "stubborn"]) {
        expect(await reported(session, name)).toMatchObject({ state: "stopped", pid: null });
      }
    });
  });
});

describe("D8: a sync reaches the servers of running sessions", () => {
  let syncs = 0;

  /** Edits the volume's file, and syncs something else: sessions are told to look again. */
  async function syncWith(mcpServers: object): Promise<void> {
    await putConfig(JSON.stringify({ mcpServers }));
    const mine = join(home.directory, "mcp-claude");
    mkdirSync(mine, { recursive: true });
    writeFileSync(join(mine, "CLAUDE.md"), `sync ${(syncs += 1)}`);
    await home.succeed([...flags, "sync"], { env: { CLAUDE_CONFIG_DIR: mine } });
  }

  test("new ones are started, changed ones started again, those that are gone end", async () => {
    await withServers(
      { kept: web(7801, "one"), changed: web(7802, "two"), gone: web(7803) },
      async (session) => {
        const names = ["kept", "changed", "gone"];
        const [kept, changed] = await Promise.all(
          names.map((name) => becomes(session, name, "ready")),
        );
        await syncWith({ kept: web(7801, "one"), changed: web(7802, "other"), new: web(7804) });
        await becomes(session, "new", "ready");
        const again = await becomes(session, "changed", "ready");
        expect(again.tools).toEqual(["other"]);
        expect(again.pid).not.toBe(changed?.pid);
        expect(await reported(session, "kept")).toEqual(kept);
        await expect(reported(session, "gone")).rejects.toThrow("no server gone");
        expect(await processes(session, `${SERVER} http 7803`)).toEqual([]);
        expect(await processes(session, `${SERVER} http`)).toHaveLength(3);
      },
    );
  });

  test("also where the launcher had nothing to do", async () => {
    await withServers({ lazy: stdio("one") }, async (session) => {
      await eventually("the launcher's end", 10_000, async () =>
        (await processes(session, "parhelia-mcp-launcher.js$")).length === 0 ? true : undefined,
      );
      await syncWith({ lazy: stdio("one"), web: web(7801, "two") });
      expect(await becomes(session, "web", "ready")).toMatchObject({ tools: ["two"] });
      await syncWith({ lazy: stdio("one") });
      await eventually("the server's end", 10_000, async () =>
        (await processes(session, `${SERVER} http`)).length === 0 ? true : undefined,
      );
    });
  });
});

describe("SPEC-01.15 (4): a server that hangs delays nothing", () => {
  test("neither ready nor another server", async () => {
    const servers = {
      hanging: { ...hanging, start: "eager", timeoutMs: 60_000 },
      good: { ...stdio("one"), start: "eager" },
    };
    const withHanging: number[] = [];
    const without: number[] = [];
    for (let round = 0; round < 3; round++) {
      await withServers({}, async (session) => void without.push(await initMs(session)));
      await withServers(servers, async (session) => {
        withHanging.push(await initMs(session));
        await becomes(session, "good", "ready");
        expect(await reported(session, "hanging")).toMatchObject({ state: "starting" });
      });
    }
    expect(Math.min(...withHanging) - Math.min(...without)).toBeLessThan(NOISE_MS);
  });

  /** How long init took until ready, by its own words. */
  async function initMs(session: Session): Promise<number> {
    const { stdout } = await home.run([...flags, "logs", session.name]);
    return Number(/^parhelia-init ready (\d+)ms$/m.exec(stdout)?.[1]);
  }
});

describe("D8: the session's Claude Code", () => {
  test("uses the servers, and its call of a tool is answered", async () => {
    const api = await startScriptedMessagesApi({
      turns: [callTool("mcp__good__one", {}), callTool("mcp__web__two", {}), say("Done.")],
    });
    try {
      await withServers({ good: stdio("one"), web: web(7801, "two") }, async (session) => {
        await becomes(session, "web", "ready");
        const run = await home.run(
          [
            ...flags,
            "run",
            session.name,
            "go",
            "--",
            "--allowedTools",
            "mcp__good__one,mcp__web__two",
          ],
          { env: { ANTHROPIC_BASE_URL: api.url } },
        );
        expect(run, run.stderr).toMatchObject({ exitStatus: 0, stdout: "Done.\n" });
        expect(toolResults(api.mainRequests[1])).toEqual(["one"]);
        expect(toolResults(api.mainRequests[2])).toEqual(["one", "two"]);
      });
    } finally {
      await api.close();
    }
  });
});
