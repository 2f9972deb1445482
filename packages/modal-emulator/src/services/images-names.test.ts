import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ImageBench, unique, uniqueCommand } from "../../test/image-bench.ts";
import { until } from "../../test/test-emulator.ts";
import { GenericResultGenericStatus } from "../generated/modal_client.ts";

let bench: ImageBench;

beforeAll(async () => {
  bench = await ImageBench.start();
});

afterAll(async () => {
  await bench.cleanUp();
});

describe("names", () => {
  test("an image is published, found by its name, listed, moved and deleted", async () => {
    const name = `name-${unique()}`;
    const first = await bench.layer([]).build(bench.app);
    const second = await bench.layer([]).build(bench.app);
    await first.publish(name);
    expect((await bench.client.images.fromName(name)).imageId).toBe(first.imageId);
    await second.publish(`${name}:latest`);
    await first.publish(`${name}:old`);
    expect((await bench.client.images.fromName(`${name}:latest`)).imageId).toBe(second.imageId);

    const listed = await bench.client.cpClient.imageListTags({ tagPrefix: name, maxObjects: 1 });
    expect(listed.items.map(({ tag }) => tag)).toEqual([`${name}:latest`]);
    const rest = await bench.client.cpClient.imageListTags({
      tagPrefix: name,
      pageToken: listed.nextPageToken,
    });
    expect(rest.items).toMatchObject([{ tag: `${name}:old`, imageId: first.imageId }]);
    expect(rest.nextPageToken).toBe("");

    await bench.client.images.delete(second.imageId);
    await expect(bench.client.images.delete(second.imageId)).rejects.toThrow("No Image with ID");
    await expect(bench.client.images.fromName(name)).rejects.toThrow(
      `Image '${name}:latest' not found`,
    );
    await expect(bench.client.images.fromId(second.imageId)).rejects.toMatchObject({
      name: "NotFoundError",
      message: `Could not find image with ID ${second.imageId}`,
    });
    await expect(first.publish("no spaces")).rejects.toThrow();
    await expect(
      bench.client.cpClient.imagePublish({ imageId: first.imageId, tag: "a b" }),
    ).rejects.toThrow("'a b' is not an image name");
  });

  test("unknown identifiers are not found, as a base too", async () => {
    const unknown = "im-00000000000000000000000000";
    const message = `Could not find image with ID ${unknown}`;
    await expect(bench.client.images.fromId(unknown)).rejects.toThrow(message);
    await expect(bench.follow(unknown)).rejects.toThrow(message);
    await expect(
      bench.client.cpClient.imageGetOrCreate({
        image: {
          dockerfileCommands: ["FROM base"],
          baseImages: [{ dockerTag: "base", imageId: unknown }],
        },
      }),
    ).rejects.toThrow(message);
  });
});

test("a build that dies with the emulator fails with words; its container goes; names stay", async () => {
  const published = await bench.layer([]).build(bench.app);
  await published.publish("survivor");
  const dying = await bench.startBuild([uniqueCommand(), "RUN sleep 300"]);
  await until(async () =>
    (await bench.emulator.containers()).some(({ State }) => State === "running"),
  );
  await bench.restart();
  const { result, eof } = await bench.follow(dying);
  expect(eof).toBe(true);
  expect(result?.status).toBe(GenericResultGenericStatus.GENERIC_STATUS_FAILURE);
  expect(result?.exception).toBe("the emulator ended during the build; run it again");
  await until(async () => (await bench.emulator.containers()).length === 0);
  expect((await bench.client.images.fromName("survivor")).imageId).toBe(published.imageId);
});
