import { afterAll, beforeAll, expect, test } from "vitest";
import { ImageBench, uniqueCommand } from "../../test/image-bench.ts";
import { INSTANCE_LABEL, KIND_LABEL } from "../containers/labels.ts";

let bench: ImageBench;

beforeAll(async () => {
  bench = await ImageBench.start();
});

afterAll(async () => {
  await bench.cleanUp();
});

/** Containers of builds that this emulator has in the engine. */
function buildContainers() {
  const { docker, credentials } = bench.emulator;
  const label = [`${INSTANCE_LABEL}=${credentials.instance}`, `${KIND_LABEL}=build`];
  return docker.listContainers({ all: true, filters: { label } });
}

test("a build that everybody who followed it has left is given up, and the next request builds anew", async () => {
  const commands = [uniqueCommand(), "RUN echo begun && sleep 30"];
  const imageId = await bench.startBuild(commands);
  const gone = new AbortController();
  const join = { imageId, timeout: 55, lastEntryId: "" };
  const followed = (async () => {
    for await (const part of bench.client.cpClient.imageJoinStreaming(join, {
      signal: gone.signal,
    })) {
      if (part.taskLogs.some(({ data }) => data === "begun\n")) gone.abort();
    }
  })();
  await expect(followed).rejects.toThrow(/abort/i);
  await expect.poll(buildContainers, { timeout: 15_000, interval: 250 }).toEqual([]);
  const { result } = await bench.follow(imageId);
  expect(result?.exception).toContain("nobody waited for the build");
  expect(await bench.startBuild(commands)).not.toBe(imageId);
});
