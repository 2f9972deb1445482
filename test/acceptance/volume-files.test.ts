import type { ModalClient, Volume } from "modal";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Connection } from "../../packages/parhelia/src/modal/connection.ts";
import {
  hasVolumeFile,
  listVolumeFiles,
  removeVolumeFile,
} from "../../packages/parhelia/src/modal/volume-files.ts";
import { connectSdk } from "../support/sdk.ts";
import { useSharedHome } from "../support/shared-home.ts";

const NAME = `volume-files-${process.pid}`;

const home = useSharedHome();

let client: ModalClient;
let connection: Connection;
let volume: Volume;

beforeAll(async () => {
  client = await connectSdk(home);
  connection = { client, target: "local", appName: "volume-files", close: () => undefined };
  const app = await client.apps.fromName("volume-files", { createIfMissing: true });
  const image = await client.images.fromRegistry("debian:bookworm-slim").build(app);
  volume = await client.volumes.fromName(NAME, { createIfMissing: true, version: 2 });
  const sandbox = await client.sandboxes.create(app, image, {
    command: ["sh", "-ec", "cd /v && mkdir -p a/b && printf 123 >a/three && : >a/b/0 && ln -s a l"],
    volumes: { "/v": volume },
  });
  expect(await sandbox.wait()).toBe(0);
});

afterAll(async () => {
  await client.volumes.delete(NAME);
  client.close();
});

const list = async (path: string, recursive = false) =>
  (await listVolumeFiles(connection, volume, path, { recursive }))
    .map((file) => `${file.kind} ${file.path} ${file.kind === "file" ? file.size : ""}`.trim())
    .sort();

test("SPEC-01.12 Parhelia lists a volume's files without a sandbox", async () => {
  expect(await list("/")).toEqual(["directory a", "symlink l"]);
  expect(await list("a")).toEqual(["directory a/b", "file a/three 3"]);
  expect(await list("/", true)).toEqual([
    "directory a",
    "directory a/b",
    "file a/b/0 0",
    "file a/three 3",
    "symlink l",
  ]);
  expect(await list("a/missing")).toEqual([]);
  const [three] = await listVolumeFiles(connection, volume, "a/three");
  expect(Math.abs(Date.now() - (three?.modifiedAt.getTime() ?? 0))).toBeLessThan(5 * 60_000);
});

test("SPEC-01.12 Parhelia removes a volume's files without a sandbox", async () => {
  expect(await removeVolumeFile(connection, volume, "a/three")).toBe(true);
  expect(await removeVolumeFile(connection, volume, "a/three")).toBe(false);
  expect(await hasVolumeFile(connection, volume, "a/three")).toBe(false);
  await expect(removeVolumeFile(connection, volume, "a")).rejects.toThrow(/only recursively/);
  expect(await removeVolumeFile(connection, volume, "a", { recursive: true })).toBe(true);
  expect(await list("/", true)).toEqual(["symlink l"]);
});
