import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { containersOf } from "../support/engine-things.ts";
import { EngineProxy } from "../support/engine-proxy.ts";
import { eventually } from "../support/eventually.ts";
import type { ProgramResult } from "../support/run-program.ts";
import { publishImage, useOwnHome } from "../support/shared-home.ts";
import { cannotHideEngines, MachineWithoutEngines } from "../support/without-engines.ts";

const reason = cannotHideEngines();
if (reason !== undefined) {
  process.stderr.write(`skipped: this machine cannot hide its engines from a command: ${reason}\n`);
}

/** Not even collected where it cannot run: collecting makes the homes. */
function suite(name: string, body: () => void): void {
  if (reason === undefined) describe(name, body);
  else test.skip(name, () => undefined);
}

const SOON_MS = 10_000;

function expectFailure(run: ProgramResult, error: RegExp, hint: RegExp): void {
  expect(run.exitStatus, run.stderr).toBe(1);
  expect(run.stderr).toMatch(error);
  expect(run.stderr.match(/^error: /gm)).toHaveLength(1);
  expect(/^hint: (.*)$/m.exec(run.stderr)?.[1]).toMatch(hint);
  expect(run.stderr).not.toMatch(/^\s+at |unexpected:|undefined|\[object/m);
}

suite("without any container engine", () => {
  const home = useOwnHome();
  const machine = new MachineWithoutEngines(home);

  test.each([
    ["up", "work"],
    ["image", "build"],
  ])("%s %s says where it was looked for", async (...args) => {
    const run = await machine.run(args);
    expectFailure(run, /no container engine answers/, /parhelia doctor/);
    expect(run.stderr).toMatch(/docker socket.*no such socket/);
    expect(run.stderr).toContain("podman");
  });

  test("doctor says so, how to mend it, and ends with 1", async () => {
    const { exitStatus, stdout } = await machine.run(["doctor"]);
    expect(exitStatus).toBe(1);
    expect(stdout).toMatch(/^failure +\S*engine/m);
    expect(stdout).toContain("mend: ");
  });

  test("a DOCKER_HOST that leads nowhere is named, too", async () => {
    const elsewhere = new MachineWithoutEngines(home, "unix:///nowhere/engine.sock");
    await elsewhere.run(["local", "stop"]);
    const run = await elsewhere.run(["up", "work"]);
    expectFailure(run, /DOCKER_HOST unix:\/\/\/nowhere\/engine\.sock: no such socket/, /./);
  });

  test("what needs no engine works all the same", async () => {
    expect((await machine.run(["ls"])).exitStatus).toBe(0);
    expect((await machine.run(["secret", "ls"])).exitStatus).toBe(0);
    expect((await machine.run(["config", "show"])).exitStatus).toBe(0);
  });
});

suite("an engine that fails half-way", () => {
  const home = useOwnHome();
  let proxy: EngineProxy;
  let machine: MachineWithoutEngines;
  const withPackage = ["--config", join(home.directory, "package.toml")];

  beforeAll(async () => {
    writeFileSync(withPackage[1] ?? "", '[image]\npip = []\napt = ["hello"]\n');
    proxy = await EngineProxy.start();
    machine = new MachineWithoutEngines(home, proxy.address);
    // Started in the namespace, the home's emulator stays the one that knows the proxy only.
    expect((await machine.run(["ls"])).exitStatus).toBe(0);
  });
  afterEach(async () => {
    proxy.refusal = undefined;
    await proxy.restore();
  });
  afterAll(() => proxy.close());

  test("Ctrl-C during the build of up: nothing of it runs on", async () => {
    const up = machine.start([...withPackage, "up", "work"]);
    await up.printed(/=> RUN .*hello/);
    up.signal("SIGINT");
    expect((await up.result).exitStatus).toBe(130);
    await expectNoContainer(SOON_MS);
    const { stdout } = await machine.run(["ls", "--json"]);
    expect(JSON.parse(stdout)).toEqual([]);
  });

  test("a disk that is full while building", async () => {
    proxy.refusal = {
      request: "POST /containers/create",
      status: 500,
      message: "mkdir /var/lib/docker/overlay2/0123: no space left on device",
    };
    const run = await machine.run([...otherPackage("sl"), "image", "build"]);
    expectFailure(run, /no space left on device/i, /parhelia local prune/);
    await expectNoContainer(SOON_MS);
  });

  test("a build step that fails, with its last lines", async () => {
    const run = await machine.run([...otherPackage("no-such-package-x"), "image", "build"]);
    expectFailure(run, /failed in step extra-packages:[^]*no-such-package-x/, /image build/);
    expect(run.stderr).toContain("Unable to locate package no-such-package-x");
    await expectNoContainer(SOON_MS);
    const { stdout } = await machine.run(["image", "ls", "--json"]);
    expect(JSON.parse(stdout)).toEqual([]);
  });

  test("an engine that stops during a build, which works when it is back", async () => {
    const build = machine.start([...otherPackage("sl"), "image", "build"]);
    await build.printed(/=> RUN .*sl/);
    await proxy.cut();
    expectFailure(await build.result, /container engine stopped answering/, /image build/);
    await proxy.restore();
    await expectNoContainer(SOON_MS);
    await publishImage(home);
  });

  test("an engine that stops while a session runs: nothing is lost", async () => {
    expect((await machine.run(["up", "work"])).exitStatus).toBe(0);
    await machine.run(["exec", "work", "--", "sh", "-c", "echo kept > file"]);
    const running = machine.start(["exec", "work", "--", "sh", "-c", "echo up; sleep 600"]);
    await running.printed(/up/);
    await proxy.cut();
    expectFailure(await running.result, /container engine/, /./);
    expectFailure(await machine.run(["exec", "work", "--", "true"]), /container engine/, /doctor/);
    expectFailure(await machine.run(["up", "other"]), /container engine/, /doctor/);
    expect((await machine.run(["ls"])).stdout).toContain("work");
    await proxy.restore();
    expect((await machine.run(["exec", "work", "--", "cat", "file"])).stdout).toBe("kept\n");
    const { stdout } = await machine.run(["ls", "--json"]);
    expect((JSON.parse(stdout) as { name: string }[]).map(({ name }) => name)).toEqual(["work"]);
    expect((await machine.run(["stop", "work"])).exitStatus).toBe(0);
    await expectNoContainer(SOON_MS);
  });

  async function expectNoContainer(withinMs: number): Promise<void> {
    await eventually("all containers go", withinMs, async () =>
      // What reads a volume without a sandbox is a container, too, which is made once and never started.
      (await containersOf(home)).every(({ Labels }) => Labels["modal-emulator.kind"] === "helper")
        ? true
        : undefined,
    );
  }

  function otherPackage(name: string): string[] {
    const file = join(home.directory, `${name}.toml`);
    writeFileSync(file, `[image]\npip = []\napt = ["${name}"]\n`);
    return ["--config", file];
  }
});
