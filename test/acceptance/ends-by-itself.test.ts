import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningSession } from "../../packages/parhelia/src/sandbox/list-sessions.ts";
import {
  continueConversation,
  EditingClaude,
  roundsIn,
  sandboxEnd,
  tornFiles,
} from "../support/editing-claude.ts";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import { say, startScriptedMessagesApi } from "../support/scripted-messages-api.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const IDLE_S = 5;
const TIMEOUT_S = 60;
const home = useSharedHome();
const configuration = join(home.directory, "idle.toml");
writeFileSync(configuration, `[image]\npip = []\n[sandbox]\nidle = "${IDLE_S}s"\n`);
const flags = ["--config", configuration];

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: randomSecret(),
  });
});
afterAll(() => home.succeed(["secret", "rm", "anthropic-api-key"]));

/** As `parhelia ls` shows it. */
async function idleMs({ name }: Session): Promise<number | null | undefined> {
  const sessions = (await home.json(["ls"])) as RunningSession[];
  return sessions.find((session) => session.name === name)?.idleMs;
}

// All at once: they mostly wait for the time to pass.
describe.concurrent(`a session in which nothing happens for ${IDLE_S} s`, () => {
  test("is saved and ended", async () => {
    const session = new Session(home, "idle", flags);
    const { sandboxId } = await session.up();
    await session.output(["sh", "-c", "echo work > file"]);
    // To be asked is no activity: the time goes on, and the session ends.
    await eventually("ls shows that it is idle", 60_000, async () => {
      return ((await idleMs(session)) ?? 0) >= (IDLE_S / 4) * 1_000 || undefined;
    });
    await sandboxEnd(home, sandboxId, 60_000);
    expect((await session.checkpoints())[0]).toMatchObject({ reason: "idle", status: "kept" });
    const { stdout } = await session.command("logs");
    expect(stdout).toMatch(/parhelia-init idle for \d+ s\n/);
    expect(stdout).toContain("parhelia-init stopping on idle\n");
  });

  test("is not idle while a headless turn or a command runs, however silent", async () => {
    const session = new Session(home, "busy", flags);
    await session.up();
    const api = await startScriptedMessagesApi({ turns: [say("late", { delayMs: 4_000 * 3 })] });
    try {
      const env = { ANTHROPIC_BASE_URL: api.url };
      const run = await home.run([...flags, "run", session.name, "wait"], { env });
      expect(run, run.stderr).toMatchObject({ exitStatus: 0, stdout: "late\n" });
      const sleeping = session.output(["sleep", String(IDLE_S * 2)]);
      await sleep((IDLE_S / 2) * 1_000);
      expect(await idleMs(session)).toBe(0);
      await sleeping;
      expect(await session.output(["echo", "still here"])).toBe("still here");
    } finally {
      await api.close();
      await session.command("rm");
    }
  });

  test("is not idle while something is printed in a window", async () => {
    const session = new Session(home, "printing", flags);
    await session.up();
    const loop = "for i in $(seq 12); do echo $i; sleep 1; done";
    await session.output(["tmux", "send-keys", "-t", "main", loop, "Enter"]);
    await sleep(IDLE_S * 2_000);
    expect(await session.output(["echo", "still here"])).toBe("still here");
    await session.command("rm");
  });
});

describe.concurrent(`D9: the deadline of a sandbox with a timeout of ${TIMEOUT_S} s`, () => {
  const session = new Session(home, "deadline");
  afterAll(() => session.stop());

  test("is announced in the terminals, and nothing is lost by it", async () => {
    const startedAtMs = Date.now();
    const { sandboxId } = await session.up("--timeout", `${TIMEOUT_S}s`);
    const claude = await EditingClaude.start(home, session);
    const status = await eventually("the deadline is announced", TIMEOUT_S * 1_000, async () => {
      const { stdout } = await session.exec(["tmux", "show-options", "-gv", "status-right"]);
      return stdout.includes("parhelia resume") ? stdout : undefined;
    });
    expect(status).toMatch(/this sandbox ends at [\d:]+ UTC; parhelia resume deadline-\d+ goes on/);
    await claude.ended();
    expect(Date.now() - startedAtMs).toBeGreaterThan(TIMEOUT_S * 800);
    await sandboxEnd(home, sandboxId, 20_000);

    const reasons = (await session.checkpoints()).map(({ reason }) => reason);
    expect(reasons[0]).toBe("deadline");
    await session.resume("--timeout", "10m");
    expect(await tornFiles(session)).toBe("");
    const kept = roundsIn(await continueConversation(home, session));
    process.stderr.write(`kept ${kept} of ${claude.rounds} edits\n`);
    expect(kept).toBeGreaterThanOrEqual(claude.rounds);
  });
});
