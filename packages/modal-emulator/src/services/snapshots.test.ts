import { setTimeout as sleep } from "node:timers/promises";
import type { App, Image, ModalClient, Sandbox } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imageRepository } from "../containers/labels.ts";
import { TestEmulator, until } from "../../test/test-emulator.ts";

const SECRET = "value-that-no-image-may-have";

let emulator: TestEmulator;

beforeAll(async () => {
  emulator = await TestEmulator.start();
});

afterAll(() => emulator.cleanUp());

async function output(sandbox: Sandbox, script: string): Promise<string> {
  const process = await sandbox.exec(["sh", "-c", script]);
  const [stdout] = await Promise.all([process.stdout.readText(), process.wait()]);
  return stdout;
}

const engineTag = (image: Image) =>
  `${imageRepository(emulator.credentials.instance)}:${image.imageId}`;

/** What the engine says of an image: undefined where it has none. */
async function engineImage(image: Image) {
  return emulator.docker
    .getImage(engineTag(image))
    .inspect()
    .catch(() => undefined);
}

async function withSecret(client: ModalClient, app: App, image: Image): Promise<Sandbox> {
  const volume = await client.volumes.fromName("snapshots", { createIfMissing: true, version: 2 });
  const sandbox = await client.sandboxes.create(app, image, {
    secrets: [await client.secrets.fromObject({ TOKEN: SECRET })],
    env: { PLAIN: `${SECRET}-too` },
    volumes: { "/vol/x": volume },
  });
  await output(sandbox, "echo mine > /usr/local/bin/mine; echo there > /vol/x/there; rm /etc/motd");
  return sandbox;
}

describe.each(["V2", "V1"])("SPEC-01.15: a filesystem snapshot by the unmodified SDK, %s", (v) => {
  let client: ModalClient;
  let app: App;
  let base: Image;
  let snapshot: Image;

  beforeAll(async () => {
    // Read when a client is made: every sandbox of its goes to that backend.
    process.env["MODAL_SANDBOX_V2"] = v === "V2" ? "1" : "0";
    client = await emulator.client();
    ({ app, image: base } = await emulator.appAndImage(client));
    const sandbox = await withSecret(client, app, base);
    expect(sandbox.sandboxId).toHaveLength("sb-".length + (v === "V1" ? 22 : 26));
    snapshot = await sandbox.snapshotFilesystem({ timeoutMs: 60_000 });
    expect(await output(sandbox, "cat /usr/local/bin/mine")).toBe("mine\n"); // it goes on
    await sandbox.terminate({ wait: true });
  });

  afterAll(() => {
    delete process.env["MODAL_SANDBOX_V2"];
  });

  test("a sandbox of it has the files, and neither the volume's nor the variables", async () => {
    const sandbox = await client.sandboxes.create(app, snapshot);
    const script = "cat /usr/local/bin/mine; ls /vol/x; test -e /etc/motd || echo gone; env";
    const printed = await output(sandbox, script);
    expect(printed).toMatch(/^mine\ngone\n/);
    expect(printed).not.toMatch(/TOKEN|PLAIN/);
    await sandbox.terminate({ wait: true });
  });

  test("no image of the engine has a secret's value in its configuration or history", async () => {
    const { docker } = emulator;
    const listed = await docker.listImages({ all: true });
    const recent = listed.filter(({ Created }) => Created * 1000 > Date.now() - 600_000);
    const found = await Promise.all(
      recent.map(async ({ Id }) => {
        const image = docker.getImage(Id);
        const facts: unknown = await Promise.all([image.inspect(), image.history()]).catch(
          () => [],
        );
        return JSON.stringify(facts);
      }),
    );
    expect(found.some((facts) => facts.includes(snapshot.imageId))).toBe(true);
    expect(found.filter((facts) => facts.includes(SECRET))).toEqual([]);
  });

  test("its configuration is the base's, and its labels say whose it is", async () => {
    const [taken, before] = await Promise.all([engineImage(snapshot), engineImage(base)]);
    expect(taken?.Config).toMatchObject({
      Env: before?.Config.Env,
      Cmd: before?.Config.Cmd,
      Labels: {
        "modal-emulator.instance": emulator.credentials.instance,
        "modal-emulator.kind": "snapshot",
      },
    });
    expect(taken?.Config.Labels).not.toHaveProperty("modal-emulator.layer");
  });

  test("images.delete frees it", async () => {
    await client.images.delete(snapshot.imageId);
    expect(await engineImage(snapshot)).toBeUndefined();
    await expect(client.images.fromId(snapshot.imageId)).rejects.toThrow(/Could not find image/);
    await expect(client.sandboxes.create(app, snapshot)).rejects.toThrow(/Could not find image/);
  });
});

test("SPEC-01.15: a snapshot whose time is over is not found, and gone from the engine", async () => {
  const client = await emulator.client();
  const { app, image } = await emulator.appAndImage(client);
  const sandbox = await client.sandboxes.create(app, image);
  const snapshot = await sandbox.snapshotFilesystem({ ttlMs: 2_000 });
  const other = await sandbox.snapshotFilesystem({ ttlMs: null });
  expect(await engineImage(snapshot)).toBeDefined();
  await client.images.fromId(snapshot.imageId);
  await sleep(2_000);
  await expect(client.images.fromId(snapshot.imageId)).rejects.toThrow(/Could not find image/);
  await until(async () => (await engineImage(snapshot)) === undefined);
  await client.images.fromId(other.imageId);
  await sandbox.terminate({ wait: true });
  await expect(sandbox.snapshotFilesystem()).rejects.toThrow();
});
