import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLAIM_BY_VARIABLE } from "../../packages/parhelia/container/protocol/claim.ts";
import type { RunningSession } from "../../packages/parhelia/src/sandbox/list-sessions.ts";
import type { PreparedSandbox } from "../../packages/parhelia/src/sandbox/pool.ts";
import { connectSdk } from "../support/sdk.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
// An App of its own: whoever fills a pool of another one changes how sessions start in it.
const flags = ["--config", join(home.project, `pool-${process.pid}.toml`)];
const configuration = (app: string) =>
  `[image]\npip = []\ngpu_pip = []\n[modal]\napp = "${app}"\n[sandbox]\ntimeout = "2h"\n`;
const appName = `pool-${process.pid}`;

const pool = async (verb: string, ...args: readonly string[]) =>
  home.json([...flags, "pool", verb, ...args]);
const waiting = async (): Promise<string[]> =>
  ((await pool("ls")) as PreparedSandbox[]).map(({ sandboxId }) => sandboxId);
const ls = async () => (await home.json([...flags, "ls"])) as RunningSession[];
const CLAIM_PHASE = "claim a prepared sandbox";
const hasClaimed = ({ phases }: { readonly phases: readonly { readonly name: string }[] }) =>
  phases.some(({ name }) => name === CLAIM_PHASE);

const first = new Session(home, "pooled", flags);

beforeAll(() => writeFileSync(flags[1] ?? "", configuration(appName)));
afterAll(() => pool("drain"));

test("SPEC-01.15: pool fill prepares sandboxes, which are no sessions, and no more than [pool] max", async () => {
  const { started } = (await pool("fill", "2")) as { started: number };
  expect(started).toBe(2);
  expect(await pool("ls")).toMatchObject(
    Array.from({ length: 2 }, () => ({ variant: "parhelia-cpu", ready: true, costPerHour: 0 })),
  );
  expect(await ls()).toEqual([]);
  expect(await pool("fill", "2")).toMatchObject({ started: 0 });
  const { exitStatus, stderr } = await home.run([...flags, "pool", "fill", "3"]);
  expect(exitStatus).toBe(2);
  expect(stderr).toMatch(/2 wait already, and 1 more .* \[pool\] max, which is 2/);
});

test("SPEC-01.15, SPEC-01.AC5: up claims one, which is then as one made for the session", async () => {
  const prepared = await waiting();
  const started = await first.up();
  process.stderr.write(
    `SPEC-01.15: up with a prepared sandbox: ready after ${started.readyMs} ms\n`,
  );
  expect(hasClaimed(started)).toBe(true);
  expect(prepared).toContain(started.sandboxId);
  expect(await waiting()).toEqual(prepared.filter((id) => id !== started.sandboxId));
  expect(started.phases.filter(({ name }) => name.startsWith("init "))).toHaveLength(5);

  const [session] = await ls();
  expect(session).toMatchObject({ name: first.name, ready: true, orphan: false });
  const leftMs = Date.parse(String(session?.expiresAt)) - Date.now();
  expect(leftMs).toBeGreaterThan(1.9 * 3_600_000);
  expect(leftMs).toBeLessThanOrEqual(2 * 3_600_000);

  const shown = await first.output(["sh", "-c", "cat /tmp/ready; env; pwd; tmux ls"]);
  expect(shown).toMatch(/^PARHELIA_READY$/m);
  expect(shown).toContain(`PARHELIA_SESSION=${first.name}\n`);
  expect(shown).toContain(`\n/vol/parhelia/workspaces/${first.name}\n`);
  expect(shown).toMatch(/^main: 1 windows/m);
  expect(shown).not.toContain(CLAIM_BY_VARIABLE);
  expect((await first.exec(["claude", "--version"])).exitStatus).toBe(0);
});

test("SPEC-01.15: of several that start at once, one gets the last one, the other a sandbox of its own", async () => {
  const [last] = await waiting();
  const sessions = [new Session(home, "racing-a", flags), new Session(home, "racing-b", flags)];
  const started = await Promise.all(sessions.map((session) => session.up()));
  expect(started.filter(hasClaimed).map(({ sandboxId }) => sandboxId)).toEqual([last]);
  expect(new Set(started.map(({ sandboxId }) => sandboxId)).size).toBe(2);
  for (const [index, session] of sessions.entries()) {
    expect(await session.output(["printenv", "PARHELIA_SESSION"])).toBe(started[index]?.name);
  }
  await Promise.all(sessions.map((session) => session.command("rm")));
});

test("SPEC-01.15: a stopped session goes on in a prepared sandbox; one of other variables does not fit", async () => {
  await first.output(["sh", "-c", "echo kept > work.txt"]);
  await first.stop();
  await pool("fill", "1");
  const [prepared] = await waiting();
  const other = new Session(home, "other", flags);
  expect(hasClaimed(await other.up("--env", "OTHER=1"))).toBe(false);
  await other.command("rm");
  const { sandboxId } = await first.resume();
  expect(sandboxId).toBe(prepared);
  expect(await first.output(["cat", "work.txt"])).toBe("kept");
  await first.command("rm");
});

test("SPEC-01.14: sandboxes that have the secrets of before do not wait any longer", async () => {
  await pool("fill", "1");
  const secret = `pool-${process.pid}`;
  await home.succeed([...flags, "secret", "set", secret, "POOL_KEY"], { stdin: "value\n" });
  expect(await waiting()).toEqual([]);
  await home.succeed([...flags, "secret", "rm", secret]);
});

test("SPEC-01.15: on V1, which has the GPUs and no names, a claimed sandbox is found by its tag", async () => {
  const serve = (await home.json(["local", "serve"])) as Record<string, string>;
  const env = { ...serve, MODAL_SANDBOX_V2: "0" };
  const onV1 = [...flags, "--target", "modal"];
  const name = `pooled-v1-${process.pid}`;
  try {
    await home.succeed([...onV1, "pool", "fill", "1"], { env });
    const { stdout, stderr } = await home.run([...onV1, "pool", "ls"], { env });
    expect(stdout, stderr).toMatch(/^sb-\w{22} +ready .*~\$0\.95/m);
    const started = (await home.json([...onV1, "up", name], { env })) as {
      sandboxId: string;
      phases: { name: string }[];
    };
    expect(hasClaimed(started)).toBe(true);
    expect(started.sandboxId).toMatch(/^sb-\w{22}$/);
    const exec = [...onV1, "exec", name, "--", "printenv", "PARHELIA_SESSION"];
    expect((await home.succeed(exec, { env })).trim()).toBe(name);
    expect((await ls()).map((session) => session.name)).toEqual([name]);
    const again = await home.run([...onV1, "up", name], { env });
    expect(again.exitStatus).toBe(2);
    expect(again.stderr).toContain(`a session named ${name} is already running`);
  } finally {
    await home.run([...onV1, "rm", name], { env });
    await home.run([...onV1, "pool", "drain"], { env });
  }
});

test("SPEC-01.15: one that nobody claims in time ends by itself", async () => {
  const client = await connectSdk(home);
  try {
    const app = await client.apps.fromName(appName, { createIfMissing: true });
    const image = await client.images.fromName("parhelia-cpu");
    const sandbox = await client.sandboxes.create(app, image, {
      command: ["/entrypoint.sh"],
      env: { [CLAIM_BY_VARIABLE]: new Date(Date.now() + 2_000).toISOString() },
      timeoutMs: 60_000,
    });
    expect(await sandbox.wait()).toBe(0);
    expect(await sandbox.stdout.readText()).toMatch(/prepared \d+ms[^]*no session has claimed/);
  } finally {
    client.close();
  }
});
