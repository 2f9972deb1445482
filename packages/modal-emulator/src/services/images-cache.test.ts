import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ImageBench, unique, uniqueCommand } from "../../test/image-bench.ts";
import type { Secret, Image } from "modal";
import { pruneState } from "../clean-up.ts";

let bench: ImageBench;

beforeAll(async () => {
  bench = await ImageBench.start();
});

afterAll(async () => {
  await bench.cleanUp();
});

describe("cache", () => {
  test("forceBuild makes a new image, and new ones of the layers above it", async () => {
    const commands = [uniqueCommand(), "RUN cat /proc/sys/kernel/random/uuid > /uuid"];
    const above = (image: Image) => image.dockerfileCommands(["ENV ABOVE=1"]).build(bench.app);
    const first = await bench.base.dockerfileCommands(commands).build(bench.app);
    const firstAbove = await above(first);
    const forced = await bench.base
      .dockerfileCommands(commands, { forceBuild: true })
      .build(bench.app);
    expect(forced.imageId).not.toBe(first.imageId);
    expect((await above(forced)).imageId).not.toBe(firstAbove.imageId);
    expect((await above(first)).imageId).toBe(firstAbove.imageId);
    expect((await bench.base.dockerfileCommands(commands).build(bench.app)).imageId).toBe(
      forced.imageId,
    );
  });

  test("another instance takes over a layer that is in the engine, the newest; pruning leaves it", async () => {
    const commands = [uniqueCommand(), "RUN echo built"];
    const first = await bench.startBuild(commands);
    expect((await bench.follow(first)).result?.status).toBe(1);
    const forced = await bench.startBuild(commands, true);
    expect((await bench.follow(forced)).result?.status).toBe(1);

    const other = await ImageBench.start();
    try {
      const adopted = await other.base.dockerfileCommands(commands).build(other.app);
      const { engineImageId, engineTag } = other.record(adopted.imageId);
      expect(engineImageId).toBe(bench.record(forced).engineImageId);

      await other.emulator.kill("SIGTERM");
      await pruneState(other.emulator.directory, { volumes: true, secrets: true });
      const left = await bench.emulator.docker.listImages({ filters: { reference: [engineTag] } });
      expect(left).toEqual([]);
      await bench.client.images.fromId(forced);
    } finally {
      await other.cleanUp();
    }
  });

  test("a container that a user starts from an image is not taken for one of the emulator's", async () => {
    const other = await ImageBench.start();
    const { docker } = other.emulator;
    const { engineTag } = other.record((await other.layer([]).build(other.app)).imageId);
    const container = await docker.createContainer({ Image: engineTag, Cmd: ["true"] });
    try {
      await other.emulator.kill("SIGTERM");
      await pruneState(other.emulator.directory, { volumes: true, secrets: true });
      await container.inspect();
    } finally {
      await container.remove();
      await other.cleanUp();
    }
  });

  test("an image that was removed behind our back is built again, and not found until then", async () => {
    const image = bench.layer(["RUN echo again"]);
    const { imageId } = await image.build(bench.app);
    await bench.client.cpClient.imagePublish({ imageId, tag: "removed:latest" });
    await bench.emulator.docker.getImage(bench.record(imageId).engineTag).remove();
    await expect(bench.client.images.fromId(imageId)).rejects.toThrow(
      "Could not find image with ID",
    );
    await expect(bench.client.images.fromName("removed")).rejects.toThrow("build it again");
  });
});

describe("secrets", () => {
  test("a layer's secrets are there while it builds, and in nothing that it leaves (SPEC-01.14)", async () => {
    const value = `s3cr3t-${unique()}`;
    const secret = await bench.client.secrets.fromObject({ TOKEN: value });
    const image = await bench
      .layer(['RUN test "$TOKEN" = "$COPY" && echo "token: $TOKEN"', "RUN true"], {
        secrets: [secret],
        env: { COPY: value },
      })
      .build(bench.app);
    const engineImage = bench.engineImage(image.imageId);
    const needles = [
      value,
      Buffer.from(value).toString("base64"),
      Buffer.from(value).toString("hex"),
    ];
    const described = JSON.stringify([await engineImage.inspect(), await engineImage.history()]);
    for (const needle of needles) expect(described).not.toContain(needle);
    expect(await streamContains(await engineImage.get(), needles)).toBe(false);
    // The search itself: it finds what is there.
    const there = await streamContains(await engineImage.get(), ["root:x:0:0:root:/root"]);
    expect(there).toBe(true);
  });

  test("neither the log nor the error shows what a command prints of one", async () => {
    const value = `s3cr3t-${unique()}`;
    const failing = bench.layer(["RUN echo token is $TOKEN; exit 1"], { env: { TOKEN: value } });
    const error: unknown = await failing.build(bench.app).catch((reason: unknown) => reason);
    expect(String(error)).toContain("token is ***");
    const imageId = /im-\w+/.exec(String(error))?.[0] ?? "";
    const { lines } = await bench.follow(imageId);
    expect(lines).toContain("token is ***");
    expect(JSON.stringify(lines) + String(error)).not.toContain(value);
  });

  test("a rotated named secret rebuilds nothing; another value of an unnamed one does", async () => {
    const name = `named-${unique()}`;
    const store = (value: string) =>
      bench.client.cpClient.secretGetOrCreate({
        deploymentName: name,
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the SDK exports none
        objectCreationType: 3, // create or overwrite
        envDict: { A: value },
      });
    await store("one");
    const commands = [uniqueCommand(), "RUN echo $A"];
    const build = async (secret: Secret) =>
      (await bench.base.dockerfileCommands(commands, { secrets: [secret] }).build(bench.app))
        .imageId;
    const first = await build(await bench.client.secrets.fromName(name));
    await store("two");
    expect(await build(await bench.client.secrets.fromName(name))).toBe(first);
    const unnamed = await build(await bench.client.secrets.fromObject({ A: "one" }));
    expect(await build(await bench.client.secrets.fromObject({ A: "one" }))).toBe(unnamed);
    expect(await build(await bench.client.secrets.fromObject({ A: "two" }))).not.toBe(unnamed);
  });
});

/** Whether a text is anywhere in a stream, also across its pieces. */
async function streamContains(
  stream: AsyncIterable<Buffer | string>,
  needles: readonly string[],
): Promise<boolean> {
  const longest = Math.max(...needles.map((needle) => needle.length));
  let seen = Buffer.alloc(0);
  let found = false;
  for await (const chunk of stream) {
    seen = Buffer.concat([seen.subarray(-longest), Buffer.from(chunk)]);
    found ||= needles.some((needle) => seen.includes(needle));
  }
  return found;
}
