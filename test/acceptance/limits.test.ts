import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const configuration = join(home.directory, "limits.toml");
// An App of its own: what runs in another one does not count.
const app = `limits-${process.pid}`;
writeFileSync(
  configuration,
  `[modal]\napp = "${app}"\n[image]\npip = []\n[checkpoint]\ninterval = "1h"\n[limits]\nmax_sandboxes = 2\n`,
);
const flags = ["--config", configuration];
// The limit of the file holds, and not the one of the tests' home.
const env = { PARHELIA_MAX_SANDBOXES: "" };
const parhelia = (...args: string[]) => home.run([...flags, ...args], { env });

const elsewhere = new Session(home, "limit-elsewhere");
const sessions = ["limit-a", "limit-b", "limit-c"].map((name) => new Session(home, name, flags));
const [a = elsewhere, b = elsewhere, c = elsewhere] = sessions;

beforeAll(() => elsewhere.up());
afterAll(async () => {
  for (const session of [elsewhere, ...sessions]) await session.command("rm");
});

test("the start that reaches [limits] max_sandboxes warns, and the next one is refused", async () => {
  const first = await parhelia("up", a.name);
  expect(first, first.stderr).toMatchObject({ exitStatus: 0 });
  expect(first.stderr).not.toContain("warning");
  const second = await parhelia("up", b.name);
  expect(second, second.stderr).toMatchObject({ exitStatus: 0 });
  expect(second.stderr).toContain(
    `warning: ${b.name} is number 2 of your running sessions, and [limits] max_sandboxes is 2`,
  );

  const refused = await parhelia("up", c.name);
  expect(refused.exitStatus).toBe(2);
  expect(refused.stderr).toMatch(
    new RegExp(`2 of your sessions run, .* is 2: ${a.name} \\(for .*\\), ${b.name} \\(for .*\\)\n`),
  );
  expect(refused.stderr).toMatch(/hint: parhelia stop NAME .* --force .* \[limits\] max_sandboxes/);
  expect(await running()).toEqual([a.name, b.name]);
});

test("run, fork and resume are starts, too; a session that runs already is not", async () => {
  for (const start of [
    ["run", c.name, "go on"],
    ["fork", a.name, c.name],
  ]) {
    const { exitStatus, stderr } = await parhelia(...start);
    expect(exitStatus, stderr).toBe(2);
    expect(stderr).toContain("2 of your sessions run");
  }
  // The fork that was refused has taken no checkpoint of the first session.
  const after = await parhelia("checkpoint", "ls", a.name);
  expect(after.stderr).toContain(`${a.name} has no checkpoint`);
  const again = await parhelia("up", a.name);
  expect(again.exitStatus).toBe(2);
  expect(again.stderr).toContain(`a session named ${a.name} is already running`);
});

test("--force starts all the same, with a warning", async () => {
  const forced = await parhelia("fork", a.name, c.name, "--force");
  expect(forced, forced.stderr).toMatchObject({ exitStatus: 0 });
  expect(forced.stderr).toMatch(
    new RegExp(`warning: ${c.name} is number 3 of .*besides it there are ${a.name} `),
  );
  expect(await running()).toEqual([a.name, b.name, c.name]);
  await c.stop();
  const resumed = await parhelia("resume", c.name);
  expect(resumed.exitStatus).toBe(2);
  expect(resumed.stderr).toContain("2 of your sessions run");
});

async function running(): Promise<string[]> {
  const all = (await home.json([...flags, "ls"])) as { name: string }[];
  return all.map(({ name }) => name).sort();
}
