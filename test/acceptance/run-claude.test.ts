import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import {
  callTool,
  say,
  startScriptedMessagesApi,
  toolResults,
  unauthorized,
  type ScriptedMessagesApi,
  type Turn,
} from "../support/scripted-messages-api.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const PAUSE_MS = 1_500;
const key = randomSecret();

const home = useSharedHome();
const session = new Session(home, "run");
const apis: ScriptedMessagesApi[] = [];

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], { stdin: key });
});
afterAll(async () => {
  await Promise.all(apis.map((api) => api.close()));
  await session.stop();
  await home.succeed(["secret", "rm", "anthropic-api-key"]);
});

/** A Messages API on this machine's loopback, which no sandbox reaches by itself. */
async function startApi(...turns: readonly Turn[]): Promise<ScriptedMessagesApi> {
  const api = await startScriptedMessagesApi({ turns });
  apis.push(api);
  return api;
}

function environment(api: ScriptedMessagesApi): NodeJS.ProcessEnv {
  return { ANTHROPIC_BASE_URL: api.url };
}

describe("SPEC-01.01: parhelia run gives the real Claude Code a prompt", () => {
  test("in a new session, and prints the answer with exit status 0", async () => {
    const api = await startApi(say("Hello from the script, with ünïcödé ✓"));
    const run = await home.run(["run", session.name, "say hi"], { env: environment(api) });
    expect(run, run.stderr).toMatchObject({
      exitStatus: 0,
      stdout: "Hello from the script, with ünïcödé ✓\n",
    });
    expect(run.stderr).toContain(`session ${session.name} is ready`);
    const [request] = api.mainRequests;
    expect(JSON.stringify(request?.body?.messages)).toContain("say hi");
    expect(request?.headers["x-api-key"] === key).toBe(true);
  });

  test("in the same session again, whose Claude works in the sandbox", async () => {
    const description = "Say where this is";
    const api = await startApi(
      callTool("Bash", { command: "id -un; pwd; echo made > by-claude", description }),
      say("Done."),
    );
    const run = await home.run(["run", session.name, "go", "--", "--allowedTools", "Bash"], {
      env: environment(api),
    });
    expect(run, run.stderr).toMatchObject({ exitStatus: 0, stdout: "Done.\n" });
    const workspace = `/vol/parhelia/workspaces/${session.name}`;
    expect(toolResults(api.mainRequests[1])).toEqual([`parhelia\n${workspace}`]);
    expect(await session.output(["cat", `${workspace}/by-claude`])).toBe("made");
    const sessions = (await home.json(["ls"])) as { name: string }[];
    expect(sessions.filter(({ name }) => name === session.name)).toHaveLength(1);
  });

  test("and streams: the first words are there before the last are said", async () => {
    const api = await startApi(say("first second third", { pauseMs: PAUSE_MS }));
    const run = home.start(["run", session.name, "count"], { env: environment(api) });
    await run.printed(/first/);
    const firstMs = performance.now();
    const { stdout, exitStatus } = await run.result;
    expect(performance.now() - firstMs).toBeGreaterThan(PAUSE_MS);
    expect({ stdout, exitStatus }).toEqual({ stdout: "first second third\n", exitStatus: 0 });
  });

  test("with --json, as Claude's messages, one a line", async () => {
    const api = await startApi(say("as JSON"));
    const stdout = await home.succeed(["run", session.name, "say it", "--json"], {
      env: environment(api),
    });
    const messages = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(messages.at(-1)).toMatchObject({
      type: "result",
      subtype: "success",
      result: "as JSON",
    });
  });

  test("an error of the API is an exit status other than 0, and a message", async () => {
    const api = await startApi(unauthorized());
    const run = await home.run(["run", session.name, "say hi"], { env: environment(api) });
    expect(run.exitStatus).toBe(1);
    expect(run.stdout + run.stderr).toMatch(/api key/i);
    expect((run.stdout + run.stderr).includes(key)).toBe(false);
  });

  test("Ctrl-C ends the turn, and leaves the session and nothing of the turn", async () => {
    const api = await startApi(say("never", { delayMs: 60_000 }));
    const run = home.start(["run", session.name, "wait"], { env: environment(api) });
    await eventually("Claude asks", 30_000, () => api.mainRequests[0]);
    run.signal("SIGINT");
    const { exitStatus, durationMs } = await run.result;
    expect(exitStatus).toBe(130);
    expect(durationMs).toBeLessThan(50_000);
    const { stdout } = await session.exec(["pgrep", "-a", "claude|forward"]);
    expect(stdout).toBe("");
  });
});
