import { createHash } from "node:crypto";
import type { App, Image, ModalClient } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestEmulator } from "../../test/test-emulator.ts";

const BLOCK_BYTES = 8 * 1024 * 1024;
const BIG_BYTES = 2 * BLOCK_BYTES + 5;

let emulator: TestEmulator;
let client: ModalClient;
let app: App;
let image: Image;
let volumeId: string;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  client = await emulator.client();
  ({ app, image } = await emulator.appAndImage(client));
  volumeId = await volumeWith(
    "files",
    `mkdir -p "/data/a folder/ä/deep" /data/empty && cd /data
     printf hello >"a folder/ä/ß ü.txt"; printf '' >nothing; printf x >"a folder/ä/deep/x"
     ln -s /etc/passwd outside; ln -s nothing inside
     mkdir twice; printf twice >twice/one; ln twice/one twice/two
     head -c ${BIG_BYTES} /dev/urandom >big; sha256sum big >sum`,
  );
});

afterAll(() => emulator.cleanUp());

/** A volume into which a sandbox wrote. @returns its identifier */
async function volumeWith(name: string, script: string): Promise<string> {
  const volume = await client.volumes.fromName(name, { createIfMissing: true, version: 2 });
  const sandbox = await client.sandboxes.create(app, image, {
    command: ["sh", "-ec", script],
    volumes: { "/data": volume },
  });
  expect(await sandbox.wait()).toBe(0);
  return volume.volumeId;
}

const ask = (path: string, range: { start?: number; len?: number } = {}) =>
  client.cpClient.volumeGetFile2({ volumeId, path, ...range });

async function read(path: string, range: { start?: number; len?: number } = {}): Promise<Buffer> {
  const { getUrls } = await ask(path, range);
  const parts = [];
  for (const url of getUrls) {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    parts.push(Buffer.from(await response.arrayBuffer()));
  }
  return Buffer.concat(parts);
}

async function list(path: string, recursive: boolean, maxEntries?: number) {
  const entries = [];
  const request = {
    volumeId,
    path,
    recursive,
    ...(maxEntries === undefined ? {} : { maxEntries }),
  };
  for await (const message of client.cpClient.volumeListFiles2(request)) {
    entries.push(...message.entries);
  }
  return entries.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const failure = (code: number, details: RegExp): unknown =>
  expect.objectContaining({ code, details: expect.stringMatching(details) as string });

describe("reading a file of a volume", () => {
  test("gives its size and its content, also under a name with spaces and umlauts", async () => {
    const path = "a folder/ä/ß ü.txt";
    expect(await ask(path)).toMatchObject({ size: 5, start: 0, len: 5 });
    expect((await read(path)).toString()).toBe("hello");
    expect((await read(`/${path}`)).toString()).toBe("hello");
    expect(await ask("nothing")).toMatchObject({ size: 0, len: 0, getUrls: [] });
  });

  test("gives a large file in blocks of 8 MiB, and any range of it", async () => {
    const { getUrls, size } = await ask("big");
    expect([getUrls.length, size]).toEqual([3, BIG_BYTES]);
    const content = await read("big");
    const [sum] = (await read("sum")).toString().split(" ");
    expect(createHash("sha256").update(content).digest("hex")).toBe(sum);

    const range = { start: BLOCK_BYTES - 3, len: 10 };
    expect(await ask("big", range)).toMatchObject({ size: BIG_BYTES, ...range });
    expect((await read("big", range)).equals(content.subarray(range.start, range.start + 10))).toBe(
      true,
    );
    expect((await read("big", { start: BIG_BYTES - 2 })).equals(content.subarray(-2))).toBe(true);
    expect(await ask("big", { start: BIG_BYTES + 9, len: 5 })).toMatchObject({ len: 0 });
  });

  test("refuses what is no regular file of the volume", async () => {
    await expect(ask("missing")).rejects.toEqual(failure(5, /^File not found$/));
    await expect(ask("a folder/missing/x")).rejects.toEqual(failure(5, /^File not found$/));
    await expect(ask("../../etc/hostname")).rejects.toEqual(failure(5, /^File not found$/));
    await expect(ask("empty")).rejects.toEqual(failure(3, /not a regular file/));
    await expect(ask("outside")).rejects.toEqual(failure(3, /not a regular file/));
    const request = { volumeId: "vo-none", path: "big" };
    await expect(client.cpClient.volumeGetFile2(request)).rejects.toEqual(
      failure(5, /^Volume 'vo-none' not found$/),
    );
  });

  test("gives nothing without the signature of an address, and nothing else over HTTP", async () => {
    const [url = ""] = (await ask("sum")).getUrls;
    const forged = new URL(url);
    const [header, , signature] = forged.searchParams.get("token")?.split(".") ?? [];
    const exp = Math.floor(Date.now() / 1000) + 60;
    const part = JSON.stringify({ volumeId, path: "big", start: 0, end: 5 });
    const claims = Buffer.from(JSON.stringify({ sub: `volume-file:${part}`, exp }));
    forged.searchParams.set("token", [header, claims.toString("base64url"), signature].join("."));
    expect((await fetch(forged)).status).toBe(403);
    expect((await fetch(new URL("/", url))).status).toBe(403);
    expect((await fetch(url, { method: "DELETE" })).status).toBe(405);
    expect(new URL(url).hostname).toBe("127.0.0.1");
  });

  test("works for a volume that no sandbox has mounted, and after a restart of the emulator", async () => {
    const fresh = await client.volumes.fromName("fresh", { createIfMissing: true, version: 2 });
    const request = { volumeId: fresh.volumeId, path: "x" };
    await expect(client.cpClient.volumeGetFile2(request)).rejects.toBeInstanceOf(Error);
    await emulator.kill();
    await emulator.startProcess();
    expect((await read("a folder/ä/deep/x")).toString()).toBe("x");
  });
});

describe("listing a volume", () => {
  test("gives a directory's own entries, or all below it", async () => {
    const top = await list("/", false);
    expect(top.map(({ path, type, size }) => [path, type, size])).toEqual([
      ["a folder", 2, 0],
      ["big", 1, BIG_BYTES],
      ["empty", 2, 0],
      ["inside", 3, 0],
      ["nothing", 1, 0],
      ["outside", 3, 0],
      ["sum", 1, 70],
      ["twice", 2, 0],
    ]);
    // One file that has two names.
    expect((await list("twice", false)).map(({ type, size }) => [type, size])).toEqual([
      [1, 5],
      [1, 5],
    ]);
    expect(Math.abs((top[1]?.mtime ?? 0) - Date.now() / 1000)).toBeLessThan(300);
    expect((await list("a folder", true)).map(({ path }) => path)).toEqual([
      "a folder/ä",
      "a folder/ä/deep",
      "a folder/ä/deep/x",
      "a folder/ä/ß ü.txt",
    ]);
    expect((await list("nothing", false)).map(({ path }) => path)).toEqual(["nothing"]);
    expect(await list("empty", true)).toEqual([]);
    expect(await list("/", true, 2)).toHaveLength(2);
    await expect(list("missing", false)).rejects.toEqual(failure(5, /^File not found$/));
  });
});

describe("removing from a volume", () => {
  const remove = (path: string, recursive: boolean) =>
    client.cpClient.volumeRemoveFile2({ volumeId, path, recursive });

  test("removes files, and directories only recursively", async () => {
    await volumeWith("files", "mkdir -p /data/gone/sub; touch /data/gone/sub/f /data/-rf");
    await remove("-rf", false);
    await expect(remove("gone", false)).rejects.toEqual(failure(3, /only recursively/));
    await expect(remove("a folder/..", true)).rejects.toEqual(failure(3, /root of a volume/));
    await remove("gone", true);
    await expect(remove("gone", true)).rejects.toEqual(failure(5, /^File not found$/));
    expect((await list("/", false)).map(({ path }) => path)).not.toContain("-rf");
  });
});

describe("the container that reads a volume", () => {
  test("carries this emulator's label, never runs, and does not keep the volume", async () => {
    const id = await volumeWith("to be removed", "echo 1 >/data/one");
    const asked = ["one", "one", "two", "one"].map((path) =>
      client.cpClient.volumeGetFile2({ volumeId: id, path }),
    );
    // All at once, before there is a container: each gets its own right answer.
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    const of = async () =>
      (await emulator.containers()).filter(({ Names }) => Names[0]?.endsWith(`files-${id}`));
    expect(await of()).toMatchObject([{ State: "created" }]);
    await client.volumes.delete("to be removed");
    expect(await of()).toEqual([]);
    await expect(client.cpClient.volumeGetFile2({ volumeId: id, path: "one" })).rejects.toEqual(
      failure(5, /not found/),
    );
  });
});
