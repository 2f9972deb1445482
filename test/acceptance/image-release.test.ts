import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { defaultLock } from "../../packages/parhelia/src/config/default-lock.ts";
import { sandboxContainers } from "../support/engine-things.ts";
import { connectSdk } from "../support/sdk.ts";
import { Session, useOwnHome } from "../support/shared-home.ts";

const home = useOwnHome();

/** The versions whose layers are there; the newest ones in a registry would be fetched each time. */
const PINNED = `[image]\npip = []\nclaude_code = "${defaultLock.claudeCode.version}"\nbun = "${defaultLock.bun.version}"\n`;

interface Release {
  readonly tag: string;
  readonly claudeCode: string;
  readonly images: readonly { variant: string; imageId: string; changed: boolean }[];
}

interface Published {
  readonly tag: string;
  readonly imageId: string;
}

const release = async (...flags: string[]) =>
  (await home.json(["image", "release", ...flags])) as Release;

async function imageIds(): Promise<Record<string, string>> {
  const images = (await home.json(["image", "ls"])) as Published[];
  return Object.fromEntries(images.map(({ tag, imageId }) => [tag, imageId]));
}

const EARLIER = "parhelia-cpu:weekly-20261101";

describe("SPEC-01.11a: a release of the images", { timeout: 10 * 60_000 }, () => {
  test("is published as weekly-YYYYMMDD and latest, once it has shown its versions in a sandbox", async () => {
    writeFileSync(join(home.project, "parhelia.toml"), PINNED);
    const first = await release();
    expect(first.tag).toMatch(/^weekly-\d{8}$/);
    expect(first.claudeCode).toBe(defaultLock.claudeCode.version);
    const [image] = first.images;
    expect(image).toMatchObject({ variant: "parhelia-cpu", changed: true });
    expect(await imageIds()).toEqual({
      [`parhelia-cpu:${first.tag}`]: image?.imageId,
      "parhelia-cpu:latest": image?.imageId,
    });
  });

  test("made twice in a row changes nothing but tags", async () => {
    const before = await imageIds();
    const second = await release();
    expect(second.images.map(({ changed }) => changed)).toEqual([false]);
    expect(await imageIds()).toEqual(before);
  });

  test("can be taken back: the next sandbox starts from the earlier image", async () => {
    const client = await connectSdk(home);
    const earlier = await client.images.fromName("parhelia-cpu");
    await earlier.publish(EARLIER);
    client.close();
    const { images } = await release("--force");
    expect(images[0]?.changed).toBe(true);
    expect(images[0]?.imageId).not.toBe(earlier.imageId);

    const rolledBack = await home.json(["image", "rollback", "weekly-20261101"]);
    expect(rolledBack).toEqual([
      {
        variant: "parhelia-cpu",
        tag: "weekly-20261101",
        imageId: earlier.imageId,
        changed: true,
      },
    ]);
    const session = new Session(home, "rolled-back");
    const { sandboxId } = await session.up();
    try {
      const container = (await sandboxContainers(home)).get(sandboxId);
      expect(container?.Image).toContain(earlier.imageId);
    } finally {
      await session.stop();
    }
  });

  test("to a tag that is not there names those that are, and changes nothing", async () => {
    const before = await imageIds();
    const { exitStatus, stderr } = await home.run(["image", "rollback", "weekly-19990101"]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain("no image is published as weekly-19990101");
    expect(stderr).toContain(EARLIER);
    expect(await imageIds()).toEqual(before);
  });

  test("that is old is pruned, unless it is latest", async () => {
    const before = await imageIds();
    await home.succeed(["image", "prune", "--keep", "1", "--dry-run"]);
    expect(await imageIds()).toEqual(before);
    // The earlier one is latest: it stays though it is older than the one that is kept.
    await home.succeed(["image", "prune", "--keep", "1"]);
    expect(await imageIds()).toEqual(before);
    const newest = Object.keys(before).find((tag) => /weekly-(?!20261101)/.test(tag)) ?? "";
    await home.succeed(["image", "rollback", newest]);
    await home.succeed(["image", "prune", "--keep", "1"]);
    const { [EARLIER]: removed, ...rest } = before;
    expect(removed).toBeDefined();
    expect(await imageIds()).toEqual({ ...rest, "parhelia-cpu:latest": before[newest] });
  });

  test("keeps no fewer than one", async () => {
    const { exitStatus, stderr } = await home.run(["image", "prune", "--keep", "0"]);
    expect([exitStatus, stderr]).toEqual([2, expect.stringContaining("--keep 0")]);
  });
});
