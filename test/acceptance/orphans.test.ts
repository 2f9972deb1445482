import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunningSession } from "../../packages/parhelia/src/sandbox/list-sessions.ts";
import { engine, sandboxContainers } from "../support/engine-things.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const late = new Session(home, "orphan");
const alive = new Session(home, "wanted");

const ls = async (...args: string[]) =>
  (await home.json(["ls", ...args])) as (Omit<RunningSession, "createdAt"> & object)[];

beforeAll(async () => {
  const { sandboxId } = await late.up();
  await alive.up();
  // As if Modal had not ended it in time: its tag says that it should have.
  const serve = JSON.parse(await home.succeed(["local", "serve", "--json"])) as Record<
    string,
    string
  >;
  const program =
    'import { ModalClient } from "modal"; const c = new ModalClient();' +
    "const s = await c.sandboxes.fromId(process.argv[1]); const t = await s.getTags();" +
    'await s.setTags({ ...t, "parhelia-expires-at": "2020-01-01T00:00:00.000Z" }); c.close();';
  const env = { ...process.env, ...serve };
  execFileSync(process.execPath, ["--input-type=module", "-e", program, sandboxId], { env });
});
afterAll(() => alive.stop());

async function containerOf({ name }: Session) {
  const sandboxId = (await ls()).find((session) => session.name === name)?.sandboxId ?? "";
  const container = (await sandboxContainers(home)).get(sandboxId)?.Id ?? "";
  return (await engine()).getContainer(container);
}

test("ls shows owner and cost of a session; on this machine it costs nothing", async () => {
  const session = (await ls()).find(({ name }) => name === alive.name);
  expect(session).toMatchObject({ estimatedCost: 0, orphan: false });
  expect(session?.owner).toMatch(/@/);
});

test("ls shows how long a session has been idle, and does not wait for one that does not answer", async () => {
  const idleOf = async (name: string) =>
    (await ls()).find((session) => session.name === name)?.idleMs;
  expect(await idleOf(alive.name)).toBeGreaterThanOrEqual(0);
  const container = await containerOf(alive);
  await container.pause();
  try {
    expect(await idleOf(alive.name)).toBeNull();
    expect(await idleOf(late.name)).toBeGreaterThanOrEqual(0);
    const [heads, ...lines] = (await home.succeed(["ls"])).split("\n");
    expect(heads).toMatch(/^NAME +STATE +VARIANT +AGE +IDLE +TIME LEFT +COST +SANDBOX$/);
    const shown = lines.find((line) => line.startsWith(`${alive.name} `));
    expect(shown).toMatch(/ ready +parhelia-cpu +\d.* - +\d.* - +sb-\S+$/);
  } finally {
    await container.unpause();
  }
});

test("ls --orphans names what runs although its time is over, and rm --orphans ends only that", async () => {
  const ours = ({ name }: { readonly name: string }) => [late.name, alive.name].includes(name);
  expect((await ls("--orphans")).filter(ours).map(({ name }) => name)).toEqual([late.name]);
  expect((await home.succeed(["rm", "--orphans"])).split("\n")).toContain(late.name);
  expect((await ls()).filter(ours).map(({ name }) => name)).toEqual([alive.name]);
});

test("rm wants a session or --orphans, not both and not neither", async () => {
  for (const args of [["rm"], ["rm", alive.name, "--orphans"]]) {
    const { exitStatus, stderr } = await home.run(args);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain("parhelia rm NAME, or parhelia rm --orphans");
  }
});
