import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sandboxContainers } from "../support/engine-things.ts";
import { eventually } from "../support/eventually.ts";
import { publishImage, Session, useOwnHome } from "../support/shared-home.ts";

const TIMEOUT_S = 6;
const HOLD_WITHIN_MS = 5_000;

/** Moments after a command's start at which the emulator is killed; a warm start takes half a second. */
const MOMENTS_MS = [150, 250, 350, 500, 700];

const home = useOwnHome();
const configuration = join(home.directory, "durability.toml");
writeFileSync(configuration, '[image]\npip = []\n[secrets]\nnames = ["lasting"]\n');
const flags = ["--config", configuration];

beforeAll(async () => {
  await publishImage(home);
  await home.succeed(["secret", "set", "lasting", "LASTING"], { stdin: "kept" });
});

async function emulatorPid(): Promise<number | undefined> {
  const { emulator } = (await home.json(["local", "status"])) as { emulator?: { pid: number } };
  return emulator?.pid;
}

async function killEmulator(): Promise<void> {
  const pid = await emulatorPid();
  if (pid === undefined) throw new Error("no emulator runs");
  process.kill(pid, "SIGKILL");
}

interface Listed {
  readonly name: string;
  readonly sandboxId: string;
  readonly expiresAt: string;
}

async function listed(): Promise<Listed[]> {
  return (await home.json(["ls"])) as Listed[];
}

describe("after the emulator was killed with SIGKILL", () => {
  const session = new Session(home, "durable", flags);
  let before: Listed[] = [];
  let pid: number | undefined;

  beforeAll(async () => {
    await session.up();
    await session.output(["sh", "-c", "echo work > file; echo in memory > /dev/shm/here"]);
    before = await listed();
    pid = await emulatorPid();
    await killEmulator();
  });
  afterAll(() => session.stop());

  test("the sandbox went on, and is found by its name, with its tags and its time limit", async () => {
    expect(await session.output(["cat", "file", "/dev/shm/here"])).toBe("work\nin memory");
    expect(await listed()).toEqual(before);
    expect(before.map(({ name }) => name)).toEqual([session.name]);
    expect(await emulatorPid()).not.toBe(pid);
  });

  test("its name is still taken", async () => {
    const { exitStatus, stderr } = await home.run([...flags, "up", session.name]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain(`a session named ${session.name} is already running`);
  });

  test("its output is still there", async () => {
    expect(await home.succeed([...flags, "logs", session.name])).toContain("parhelia-init ready");
  });

  test("volume, image tag and secret are found again: a new sandbox needs no build", async () => {
    await session.commit();
    const next = new Session(home, "durable-next", flags);
    const { stderr } = await home.run([...flags, "up", next.name]);
    try {
      expect(stderr).not.toContain("image step");
      const read = `cat /vol/parhelia/workspaces/${session.name}/file; echo $LASTING`;
      expect(await next.output(["sh", "-c", read])).toBe("work\nkept");
    } finally {
      await next.stop();
    }
  });

  test("stop ends it", async () => {
    const other = new Session(home, "durable-stop", flags);
    const { sandboxId } = await other.up();
    await killEmulator();
    await other.stop();
    // Its end is known before its container is removed.
    await eventually("the container has gone", HOLD_WITHIN_MS, async () =>
      (await sandboxContainers(home)).has(sandboxId) ? undefined : true,
    );
  });
});

describe("the emulator killed with SIGKILL at any moment of up", () => {
  test.each(MOMENTS_MS)(
    "after %d ms: no sandbox that nobody knows, none known that is not",
    async (ms) => {
      const session = new Session(home, `moment-${ms}`, flags);
      await listed(); // so that an emulator runs
      const pid = await emulatorPid();
      const up = home.start([...flags, "up", session.name]);
      await sleep(ms);
      process.kill(pid ?? 0, "SIGKILL");
      const { exitStatus, stderr } = await up.result;
      if (exitStatus !== 0) expect(stderr).toContain("hint: ");
      await eventually("records and containers agree", 15_000, async () => {
        const known = (await listed()).map(({ sandboxId }) => sandboxId).sort();
        const running = [...(await sandboxContainers(home)).keys()].sort();
        return JSON.stringify(known) === JSON.stringify(running) ? true : undefined;
      });
      const isThere = (await listed()).some(({ name }) => name === session.name);
      if (exitStatus === 0) expect(isThere).toBe(true);
      if (isThere) await session.stop();
      expect(await listed()).toEqual([]);
    },
  );
});

describe("time limits hold while no command runs", () => {
  test(`a sandbox of ${TIMEOUT_S} s is gone within 5 s of its end`, async () => {
    const session = new Session(home, "limited", flags);
    const { sandboxId } = await session.up("--timeout", `${TIMEOUT_S}s`);
    const [known] = await listed();
    const lateMs = await endOf(sandboxId, Date.parse(known?.expiresAt ?? ""));
    expect(lateMs).toBeGreaterThan(-500);
    expect(await listed()).toEqual([]);
  });

  test("also after the emulator was killed, once any command has started it again", async () => {
    const session = new Session(home, "limited-kill", flags);
    const { sandboxId } = await session.up("--timeout", `${TIMEOUT_S}s`);
    await killEmulator();
    const [known] = await listed();
    await endOf(sandboxId, Date.parse(known?.expiresAt ?? ""));
  });

  /** @returns how long after its time the sandbox ended */
  async function endOf(sandboxId: string, expiresAtMs: number): Promise<number> {
    await eventually("the sandbox ends", expiresAtMs - Date.now() + HOLD_WITHIN_MS, async () =>
      (await sandboxContainers(home)).has(sandboxId) ? undefined : true,
    );
    return Date.now() - expiresAtMs;
  }
});
