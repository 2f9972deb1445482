import { existsSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { containersOf, engine, imagesOf, instanceOf } from "../support/engine-things.ts";
import { publishImage, Session, useOwnHome } from "../support/shared-home.ts";

const FOREIGN = `foreign-${process.pid}`;

const home = useOwnHome();
const session = new Session(home, "clean-up");
let docker: Docker;

/** Somebody else's: of no emulator at all, and of another emulator than this home's. */
const foreignLabels = [
  {},
  { "modal-emulator.instance": "ffffffffffff", "modal-emulator.kind": "sandbox" },
];
const foreignNames = foreignLabels.map((_, index) => `${FOREIGN}-${index}`);

beforeAll(async () => {
  docker = await engine();
  await publishImage(home);
  await home.succeed(["secret", "set", "kept", "KEY"], { stdin: "value" });
  await session.up();
  await session.output(["sh", "-c", "echo work > file"]);
  await plant();
});
afterAll(async () => {
  await unplant();
});

async function plant(): Promise<void> {
  const progress = await docker.importImage(Readable.from([Buffer.alloc(1024)]), {
    repo: FOREIGN,
    tag: "latest",
  });
  await new Promise((resolve) => docker.modem.followProgress(progress, resolve));
  for (const [index, labels] of foreignLabels.entries()) {
    const name = foreignNames[index] ?? "";
    await docker.createVolume({ Name: name, Labels: labels });
    await docker.createContainer({ name, Image: FOREIGN, Cmd: ["true"], Labels: labels });
  }
}

async function unplant(): Promise<void> {
  for (const name of foreignNames) {
    await docker.getContainer(name).remove({ force: true });
    await docker.getVolume(name).remove();
  }
  await docker.getImage(FOREIGN).remove();
}

/** Fails unless everything that was planted is there, as are the images of other emulators. */
async function expectForeignThings(): Promise<void> {
  for (const name of foreignNames) {
    expect((await docker.getContainer(name).inspect()).Name).toBe(`/${name}`);
    expect((await docker.getVolume(name).inspect()).Name).toBe(name);
  }
  expect((await docker.getImage(FOREIGN).inspect()).RepoTags).toContain(`${FOREIGN}:latest`);
}

/** With what running sandboxes see of them. */
async function volumes(): Promise<string[]> {
  const label = [`modal-emulator.instance=${instanceOf(home)}`];
  return (await docker.listVolumes({ filters: { label } })).Volumes.map(({ Name }) => Name).sort();
}

describe("parhelia local", () => {
  test("status says what there is, and where", async () => {
    expect(await home.json(["local", "status"])).toMatchObject({
      stateDirectory: home.stateDirectory,
      emulator: { serverUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string },
      runningSandboxes: [{ name: session.name }],
      volumes: ["parhelia-vol"],
      secrets: ["kept"],
      tags: ["parhelia-cpu:latest"],
    });
  });

  test("prune leaves what a running sandbox needs, and the sandbox", async () => {
    const before = await volumes();
    await home.succeed(["local", "prune", "--volumes", "--yes"]);
    expect(await session.output(["cat", "file"])).toBe("work");
    expect(await imagesOf(home)).toHaveLength(1);
    expect(await volumes()).toEqual(before);
    await expectForeignThings();
  });

  test("stop ends the sandboxes and the emulator, and keeps volumes, images and secrets", async () => {
    const { emulator } = (await home.json(["local", "status"])) as { emulator: { pid: number } };
    await home.succeed(["local", "stop"]);
    expect(isRunning(emulator.pid)).toBe(false);
    expect(await containersOf(home)).toEqual([]);
    expect(await volumes()).toHaveLength(1);
    expect(await imagesOf(home)).toHaveLength(1);
    expect(await home.json(["local", "status"])).toMatchObject({
      runningSandboxes: [],
      volumes: ["parhelia-vol"],
      secrets: ["kept"],
      tags: ["parhelia-cpu:latest"],
    });
    await expectForeignThings();
  });

  test("stop again has nothing to do", async () => {
    expect((await home.run(["local", "stop"])).exitStatus).toBe(0);
  });

  test("what was on the volume is there for the next sandbox", async () => {
    await session.resume();
    expect(await session.output(["cat", "file"])).toBe("work");
    await home.succeed(["local", "stop"]);
  });

  test("prune removes the images, and not the volumes", async () => {
    await home.succeed(["local", "prune"]);
    expect(await imagesOf(home)).toEqual([]);
    expect(await volumes()).toHaveLength(1);
    await expectForeignThings();
  });

  test("prune --volumes deletes work, and so has to be confirmed", async () => {
    const refused = await home.run(["local", "prune", "--volumes"]);
    expect(refused.exitStatus).toBe(2);
    expect(refused.stderr).toContain("hint: parhelia local prune --volumes --yes");
    expect(await volumes()).toHaveLength(1);
  });

  test("prune --volumes --secrets removes all that is this home's, and nothing else", async () => {
    await home.succeed(["local", "prune", "--volumes", "--secrets", "--yes"]);
    expect(await home.leftInEngine()).toEqual([]);
    expect(await home.json(["local", "status"])).toMatchObject({
      volumes: [],
      secrets: [],
      tags: [],
    });
    await expectForeignThings();
  });
});

/** Whether a process does anything; one that only waits for its parent to ask how it ended does not. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) Z /.test(readFileSync(stat, "utf8"));
}
