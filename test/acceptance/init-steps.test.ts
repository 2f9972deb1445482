import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { containersOf } from "../support/engine-things.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const REMOTE_ENV = "/vol/parhelia/config/env/remote.env";

/** Far below the five minutes after which a start that hangs is given up. */
const AT_ONCE_MS = 30_000;

const home = useSharedHome();

/** A volume of this file's own, to be spoilt. */
const configuration = join(home.directory, "init.toml");
writeFileSync(configuration, `[image]\npip = []\n[volume]\nname = "init-${process.pid}"\n`);
const flags = ["--config", configuration];

/** Runs all the time, to put onto the volume what the next start finds there. */
const writer = new Session(home, "init-writer", flags);
let writersContainers = 0;
beforeAll(async () => {
  await writer.up();
  writersContainers = await startedContainers();
});
afterAll(() => writer.stop());

describe("SPEC-01.13: a sandbox initialises itself", () => {
  test("in five steps, in order, each timed; then it is ready and goes on", async () => {
    const { stdout } = await home.run([...flags, "logs", writer.name]);
    const lines = stdout.split("\n").filter((line) => line.startsWith("parhelia-init "));
    expect(lines.map((line) => line.replace(/\d+ms$/, "N ms"))).toEqual([
      "parhelia-init 1/5 link-config ok N ms",
      "parhelia-init 2/5 verify-claude-code ok N ms",
      "parhelia-init 3/5 start-mcp-servers ok N ms",
      "parhelia-init 4/5 initialize-tmux ok N ms",
      "parhelia-init 5/5 report-ready ok N ms",
      "parhelia-init ready N ms",
    ]);
    expect(await writer.output(["cat", "/tmp/ready"])).toBe("PARHELIA_READY");
  });

  test("and reads remote.env", async () => {
    await putRemoteEnv("# a comment\nFROM_REMOTE='two words'\nexport TZ=Europe/Berlin\n");
    const session = new Session(home, "init-env", flags);
    await session.up("--env", "TZ=UTC");
    try {
      expect(await session.output(["printenv", "FROM_REMOTE"])).toBe("two words");
      const inTmux = ["tmux", "show-environment", "-g", "FROM_REMOTE"];
      expect(await session.output(inTmux)).toBe("FROM_REMOTE=two words");
      // What the sandbox was given comes before what all sandboxes get.
      expect(await session.output(["printenv", "TZ"])).toBe("UTC");
    } finally {
      await session.stop();
    }
  });

  test("without waiting for MCP servers, whose configuration may be broken", async () => {
    await putRemoteEnv("");
    const file = "/vol/parhelia/config/claude/mcp_config.json";
    await writer.asRoot(["tee", file], { stdin: '{"mcpServers": ' });
    await writer.commit();
    const session = new Session(home, "init-mcp", flags);
    await session.up();
    await session.output(["sleep", "1"]);
    const { stdout, stderr } = await home.run([...flags, "logs", session.name]);
    await session.stop();
    await writer.asRoot(["rm", file]);
    await writer.commit();
    expect(stdout + stderr).toMatch(/parhelia-mcp-launcher .*mcp_config\.json/);
  });
});

describe("SPEC-01.13: a step that fails makes up fail at once, with its output", () => {
  test("step 1: a malformed remote.env, by file and line", async () => {
    await putRemoteEnv("GOOD=1\nthis is no assignment\n");
    const stderr = await failingUp("init-step1");
    expect(stderr).toContain("init step 1/5 link-config failed");
    expect(stderr).toContain(`${REMOTE_ENV} line 2`);
  });

  test("step 2: a Claude Code that does not start", async () => {
    await putRemoteEnv("PATH=/usr/sbin\n");
    const stderr = await failingUp("init-step2");
    expect(stderr).toContain("init step 2/5 verify-claude-code failed");
    expect(stderr).toContain("claude");
  });

  test("step 4: a tmux that is not found", async () => {
    await putRemoteEnv("PATH=/usr/local/bin\n"); // where claude is, and tmux is not
    const stderr = await failingUp("init-step4");
    expect(stderr).toContain("init step 4/5 initialize-tmux failed");
    expect(stderr).toContain("tmux");
  });

  test("and after it is mended, the same name starts", async () => {
    await putRemoteEnv("");
    const session = new Session(home, "init-step1", flags);
    await session.up();
    await session.stop();
  });

  /** @returns what a failing `up` wrote to standard error, after looking that nothing is left of it */
  async function failingUp(name: string): Promise<string> {
    const session = new Session(home, name, flags);
    const { exitStatus, stdout, stderr, durationMs } = await home.run([
      ...flags,
      "up",
      session.name,
    ]);
    expect(exitStatus, stderr).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("hint: ");
    expect(durationMs).toBeLessThan(AT_ONCE_MS);
    const sessions = (await home.json(["ls"])) as { name: string }[];
    expect(sessions.map((running) => running.name)).not.toContain(session.name);
    expect(await startedContainers()).toBe(writersContainers);
    return stderr;
  }
});

async function putRemoteEnv(text: string): Promise<void> {
  await writer.asRoot(["tee", REMOTE_ENV], { stdin: text });
  await writer.commit();
}

/** How many containers the home has, without what serves files of volumes, which is never started. */
async function startedContainers(): Promise<number> {
  const containers = await containersOf(home);
  return containers.filter(({ Labels }) => Labels["modal-emulator.kind"] !== "helper").length;
}
