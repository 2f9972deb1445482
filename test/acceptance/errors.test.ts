import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { containersOf } from "../support/engine-things.ts";
import { eventually } from "../support/eventually.ts";
import type { ProgramResult } from "../support/run-program.ts";
import { useSession, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const session = useSession(home, "errors");
const NOT_RUNNING = `none-${process.pid}`;

let containersBefore = 0;
beforeAll(async () => {
  containersBefore = (await containersOf(home)).length;
});

// Nothing is left running, and nothing that ran has ended.
afterEach(async () => {
  await eventually("only the session's container", 5_000, async () =>
    (await containersOf(home)).length === containersBefore ? true : undefined,
  );
});

/** One clear message and a hint, for standard error alone. */
function expectFailure(run: ProgramResult, exitStatus: number, error: RegExp, hint: RegExp): void {
  expect(run.exitStatus, run.stderr).toBe(exitStatus);
  expect(run.stdout).toBe("");
  const message = run.stderr.replace(/^target .*\n/, "");
  expect(message).toMatch(error);
  expect(message.match(/^error: /gm)).toHaveLength(1);
  expect(message.match(/^hint: /gm)).toHaveLength(1);
  expect(/^hint: (.*)$/m.exec(message)?.[1]).toMatch(hint);
  // No stack, no internals.
  expect(message).not.toMatch(/^\s+at |unexpected:|undefined|\[object/m);
}

/** A configuration of its own, as flags. */
function configured(text: string): string[] {
  const file = join(home.directory, "errors.toml");
  writeFileSync(file, text);
  return ["--config", file];
}

describe("a mistake in parhelia.toml is named by its line, with exit status 2", () => {
  test.each([
    [
      "an unknown key",
      "[sandbox]\nmemory_mb = 4096\n",
      /errors\.toml:2: .*memory_mb/,
      /memory_mib/,
    ],
    ["an unknown table", "[sandbx]\ncpu = 1\n", /errors\.toml:1: .*sandbx/, /sandbox/],
    ["a wrong type", '\n[sandbox]\ncpu = "four"\n', /errors\.toml:3: .*cpu.*number/s, /./],
    ["a value out of range", '[sandbox]\ntimeout = "25h"\n', /errors\.toml:2: .*24h/, /./],
    ["no TOML at all", "[image]\npip = [\n", /errors\.toml:\d: /, /./],
  ])("%s", async (_what, text, error, nearest) => {
    const run = await home.run([...configured(text), "up", NOT_RUNNING]);
    expectFailure(run, 2, error, /./);
    expect(run.stderr).toMatch(nearest);
  });

  test("a file that is not there", async () => {
    const run = await home.run(["--config", "no-such.toml", "up", NOT_RUNNING]);
    expectFailure(run, 2, /no-such\.toml/, /./);
  });
});

describe("a session that cannot be started or found is exit status 2", () => {
  test("a name that runs already", async () => {
    const run = await home.run(["up", session.name]);
    expectFailure(run, 2, /session named errors-\d+ is already running/, /parhelia stop errors-/);
  });

  test("a name with spaces, with one that would do", async () => {
    const run = await home.run(["up", "my first session"]);
    expectFailure(run, 2, /"my first session" is no name for a session/, /my-first-session/);
  });

  test("a name that is too long", async () => {
    expectFailure(await home.run(["up", "x".repeat(64)]), 2, /64 characters/, /xxx/);
  });

  test.each([
    ["exec", ["exec", NOT_RUNNING, "--", "true"]],
    ["stop", ["stop", NOT_RUNNING]],
    ["logs", ["logs", NOT_RUNNING]],
  ])("%s of no such session", async (_command, args) => {
    const run = await home.run(args);
    expectFailure(run, 2, new RegExp(`no session named ${NOT_RUNNING}`), /parhelia (ls|up)/);
  });

  test("a required secret that is missing", async () => {
    const flags = configured('[secrets]\nnames = ["not-there"]\n');
    const run = await home.run([...flags, "up", NOT_RUNNING]);
    expectFailure(run, 2, /there is no secret named not-there/, /parhelia secret set not-there/);
  });

  test("a lifetime that is none", async () => {
    const run = await home.run(["up", NOT_RUNNING, "--timeout", "soon"]);
    expectFailure(run, 2, /soon|timeout/, /./);
  });
});

describe("a command that is typed wrongly is exit status 2", () => {
  test.each([
    ["an unknown command", ["upp"], /unknown command 'upp'/, /up/],
    ["an unknown option", ["up", "--tming"], /--tming/, /--timing/],
    ["exec without a command", ["exec", session.name], /after --/, /parhelia exec/],
    ["run without a prompt", ["run"], /prompt/, /parhelia run/],
    ["a secret without a key", ["secret", "set", "name"], /key/, /parhelia secret set/],
    ["a target that is none", ["ls", "--target", "moon"], /moon|target/, /./],
  ])("%s", async (_what, args, error, hint) => {
    expectFailure(await home.run(args), 2, error, hint);
  });

  test("a secret whose value is empty", async () => {
    expectFailure(await home.run(["secret", "set", "empty", "KEY"]), 2, /KEY is empty/, /./);
    const secrets = (await home.json(["secret", "ls"])) as { name: string }[];
    expect(secrets.map(({ name }) => name)).not.toContain("empty");
  });

  test("removing a secret that is not there", async () => {
    const run = await home.run(["secret", "rm", "not-there"]);
    expectFailure(run, 2, /no secret named not-there/, /parhelia secret ls/);
  });
});

describe("Ctrl-C during up leaves no container behind", () => {
  test.each([100, 200, 300, 400, 500])("after %d ms", async (ms) => {
    const up = home.start(["up", NOT_RUNNING]);
    await sleep(ms);
    up.signal("SIGINT");
    const { exitStatus, stdout } = await up.result;
    if (exitStatus === 0) {
      // It was ready before: then it is a session as any other.
      expect(stdout).toBe(`${NOT_RUNNING}\n`);
      await home.succeed(["stop", NOT_RUNNING]);
      return;
    }
    expect(exitStatus).toBe(130);
    const sessions = (await home.json(["ls"])) as { name: string }[];
    expect(sessions.map(({ name }) => name)).toEqual([session.name]);
  });

  test("as soon as there is one", async () => {
    const before = new Set((await containersOf(home)).map(({ Id }) => Id));
    const up = home.start(["up", NOT_RUNNING]);
    await eventually("a container", 10_000, async () =>
      (await containersOf(home)).find(({ Id }) => !before.has(Id)),
    );
    up.signal("SIGINT");
    const { exitStatus, stderr } = await up.result;
    if (exitStatus === 0) await home.succeed(["stop", NOT_RUNNING]);
    else
      expect({ exitStatus, stderr: stderr.includes("interrupted") }).toEqual({
        exitStatus: 130,
        stderr: true,
      });
  });
});
