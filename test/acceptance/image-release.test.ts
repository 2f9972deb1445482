import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { defaultLock } from "../../packages/parhelia/src/config/default-lock.ts";
import { sandboxContainers } from "../support/engine-things.ts";
import { connectSdk } from "../support/sdk.ts";
import { Session, useOwnHome } from "../support/shared-home.ts";

const home = useOwnHome();

/**
 * The versions whose layers are there; the newest ones in a registry would be fetched each time. Without Python
 * packages the gpu variant's first image is the cpu variant's.
 */
const PINNED = `[image]\npip = []\ngpu_pip = []\nclaude_code = "${defaultLock.claudeCode.version}"\nbun = "${defaultLock.bun.version}"\n`;

interface Release {
  readonly tag: string;
  readonly claudeCode: string;
  readonly images: readonly { variant: string; imageId: string; changed: boolean }[];
  readonly function: { function: string; outcome: string; imageId: string } | null;
}

interface Published {
  readonly tag: string;
  readonly imageId: string;
}

const release = async () => (await home.json(["image", "release"])) as Release;

const rollBack = async (tag: string) =>
  (await home.json(["image", "rollback", tag])) as Omit<Release, "tag">;

async function imageIds(): Promise<Record<string, string>> {
  const images = (await home.json(["image", "ls"])) as Published[];
  return Object.fromEntries(images.map(({ tag, imageId }) => [tag, imageId]));
}

/** The image that the emulator has for the one Function that is deployed. */
function imageOfFunction(): string {
  const directory = join(home.stateDirectory, "functions");
  const [file = ""] = readdirSync(directory);
  const record = JSON.parse(readFileSync(join(directory, file), "utf8")) as {
    definition: { imageId: string };
  };
  return record.definition.imageId;
}

const EARLIER = "weekly-20261101";
const FUNCTION = "parhelia-cpu:parhelia.run_batch_task";
let weekly = "";

describe("SPEC-01.11a: a release of the images", { timeout: 10 * 60_000 }, () => {
  test("of both variants is published as weekly-YYYYMMDD and latest, once it has shown its versions in a sandbox", async () => {
    writeFileSync(join(home.project, "parhelia.toml"), PINNED);
    const { tag, claudeCode, images, function: deployed } = await release();
    weekly = tag;
    expect(tag).toMatch(/^weekly-\d{8}$/);
    expect(claudeCode).toBe(defaultLock.claudeCode.version);
    const [cpu, gpu] = images;
    expect(cpu).toMatchObject({ variant: "parhelia-cpu", changed: true });
    expect(gpu).toMatchObject({ variant: "parhelia-gpu", changed: true });
    expect(await imageIds()).toEqual({
      [`parhelia-cpu:${tag}`]: cpu?.imageId,
      "parhelia-cpu:latest": cpu?.imageId,
      [`parhelia-gpu:${tag}`]: gpu?.imageId,
      "parhelia-gpu:latest": gpu?.imageId,
    });
    expect(deployed).toBeNull();
  });

  test("made twice in a row changes nothing but tags", async () => {
    await home.succeed(["deploy"]);
    const before = await imageIds();
    const second = await release();
    expect(second.images.map(({ changed }) => changed)).toEqual([false, false]);
    const imageId = before["parhelia-cpu:latest"];
    expect(second.function).toEqual({ function: "run_batch_task", outcome: "unchanged", imageId });
    expect(await imageIds()).toEqual(before);
  });

  test("has the Function of batch tasks run the new image, too", async () => {
    const client = await connectSdk(home);
    for (const variant of ["parhelia-cpu", "parhelia-gpu"]) {
      await (await client.images.fromName(variant)).publish(`${variant}:${EARLIER}`);
    }
    client.close();
    const before = (await imageIds())["parhelia-cpu:latest"];
    // Its layers are the gpu variant's, too: the release has nothing left to build.
    await home.succeed(["image", "build", "--force"]);
    expect(imageOfFunction()).toBe(before);
    const { images, function: deployed } = await release();
    const [cpu, gpu] = images;
    expect(images.map(({ changed }) => changed)).toEqual([false, true]);
    expect([cpu?.imageId, gpu?.imageId]).not.toContain(before);
    expect(deployed).toMatchObject({ outcome: "redeployed", imageId: cpu?.imageId });
    expect(imageOfFunction()).toBe(cpu?.imageId);
    expect(await imageIds()).toMatchObject({ [FUNCTION]: cpu?.imageId });
  });

  test("can be taken back for one variant, and leaves the other where it is", async () => {
    const before = await imageIds();
    const { images, function: deployed } = await rollBack(`parhelia-gpu:${EARLIER}`);
    const imageId = before[`parhelia-gpu:${EARLIER}`];
    expect(images).toEqual([{ variant: "parhelia-gpu", tag: EARLIER, imageId, changed: true }]);
    expect(deployed).toMatchObject({ outcome: "unchanged" });
    expect(await imageIds()).toEqual({ ...before, "parhelia-gpu:latest": imageId });
  });

  test("can be taken back: the next sandbox starts from the earlier image, and the Function's calls", async () => {
    const imageId = (await imageIds())[`parhelia-cpu:${EARLIER}`] ?? "";
    const { images, function: deployed } = await rollBack(EARLIER);
    expect(images).toMatchObject([
      { variant: "parhelia-cpu", tag: EARLIER, imageId, changed: true },
      { variant: "parhelia-gpu", tag: EARLIER, changed: false },
    ]);
    expect(deployed).toMatchObject({ outcome: "redeployed", imageId });
    expect(imageOfFunction()).toBe(imageId);
    const session = new Session(home, "rolled-back");
    const { sandboxId } = await session.up();
    try {
      const container = (await sandboxContainers(home)).get(sandboxId);
      expect(container?.Image).toContain(imageId);
    } finally {
      await session.stop();
    }
  });

  test("to a tag that is not there names those that are, and changes nothing", async () => {
    const before = await imageIds();
    const { exitStatus, stderr } = await home.run(["image", "rollback", "weekly-19990101"]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain("no image is published as weekly-19990101");
    expect(stderr).toContain(`parhelia-cpu:${EARLIER}`);
    expect(await imageIds()).toEqual(before);
  });

  test("that is old is pruned, unless it is latest or the Function's", async () => {
    const before = await imageIds();
    await home.succeed(["image", "prune", "--keep", "1", "--dry-run"]);
    expect(await imageIds()).toEqual(before);
    // The earlier one is latest: it stays though it is older than the one that is kept.
    await home.succeed(["image", "prune", "--keep", "1"]);
    expect(await imageIds()).toEqual(before);

    // On Modal, a Function moves with Modal's own client, which is not here.
    const served = (await home.json(["local", "serve"])) as Record<string, string>;
    const env = { ...served, MODAL_CONFIG_PATH: join(home.directory, "none.toml") };
    const args = ["--target", "modal", "image", "rollback", weekly];
    const { exitStatus, stderr } = await home.run(args, { env });
    expect(exitStatus, stderr).toBe(0);
    const earlier = before[FUNCTION] ?? "";
    expect(stderr).toContain(`the Function run_batch_task goes on with ${earlier}, since Modal's`);
    expect(stderr).toContain("run `parhelia deploy`");
    await home.succeed(["image", "prune", "--keep", "1"]);
    expect(await imageIds()).toMatchObject({ [`parhelia-cpu:${EARLIER}`]: earlier });

    const cpu = before[`parhelia-cpu:${weekly}`];
    expect(await rollBack(weekly)).toMatchObject({ function: { outcome: "redeployed" } });
    await home.succeed(["image", "prune", "--keep", "1"]);
    const gpu = before[`parhelia-gpu:${weekly}`];
    expect(await imageIds()).toEqual({
      [`parhelia-cpu:${weekly}`]: cpu,
      "parhelia-cpu:latest": cpu,
      [FUNCTION]: cpu,
      [`parhelia-gpu:${weekly}`]: gpu,
      "parhelia-gpu:latest": gpu,
    });
  });

  test("keeps no fewer than one", async () => {
    const { exitStatus, stderr } = await home.run(["image", "prune", "--keep", "0"]);
    expect([exitStatus, stderr]).toEqual([2, expect.stringContaining("--keep 0")]);
  });
});
