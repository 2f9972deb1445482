import { readdirSync, readFileSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import type { App, Image, ModalClient, Sandbox } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestEmulator, until } from "../../test/test-emulator.ts";

type Modal = Awaited<ReturnType<TestEmulator["modal"]>>;

let emulator: TestEmulator;
let client: ModalClient;
let modal: Modal;
let app: App;
let image: Image;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  client = await emulator.client();
  modal = await emulator.modal();
  ({ app, image } = await emulator.appAndImage(client));
});

afterAll(() => emulator.cleanUp());

type Params = Parameters<ModalClient["sandboxes"]["create"]>[2];
const create = (params: Params = {}) => client.sandboxes.create(app, image, params);

/** Runs a shell script as a sandbox, and gives what it printed and its status. */
async function runToEnd(script: string, params: Params = {}) {
  const sandbox = await create({ ...params, command: ["sh", "-c", script] });
  const status = await sandbox.wait();
  return { status, stdout: await sandbox.stdout.readText(), sandbox };
}

async function inspect(sandbox: Sandbox) {
  const name = `modal-emulator-${emulator.credentials.instance}-${sandbox.sandboxId}`;
  return emulator.docker.getContainer(name).inspect();
}

describe("a sandbox's life", () => {
  test("sleeps for ever without a command, behind an init", async () => {
    const sandbox = await create();
    expect(await sandbox.poll()).toBeNull();
    const process = await sandbox.exec(["cat", "/proc/1/cmdline"]);
    expect(await process.stdout.readText()).toMatch(/init/);
    expect(await sandbox.terminate({ wait: true })).toBe(137);
  });

  test.each([
    [0, "exit 0"],
    [3, "exit 3"],
    [143, "kill -TERM $$"],
  ])("ends with its command, with status %i", async (status, script) => {
    const ended = await runToEnd(script);
    expect(ended.status).toBe(status);
    expect(await ended.sandbox.poll()).toBe(status);
  });

  test("ends when it is told to, which it may prepare for, once and for all", async () => {
    const sandbox = await create({
      command: ["sh", "-c", "trap 'echo saved; exit 0' TERM; while :; do sleep 0.05; done"],
      name: "told-to-end",
    });
    expect(await sandbox.terminate({ wait: true })).toBe(137);
    expect(await sandbox.stdout.readText()).toBe("saved\n");
    expect(await sandbox.terminate({ wait: true })).toBe(137);
    await expect(sandbox.exec(["true"])).rejects.toThrow(/already finished/);
    const { existingResult } = await emulator
      .controlPlane()
      .sandboxTerminateV2({ sandboxId: sandbox.sandboxId });
    expect(existingResult).toMatchObject({ status: 3 });
    await until(async () => (await emulator.containers()).every(isOfOther(sandbox)));
  });

  test("ends at its timeout with 124, also when it does not want to", async () => {
    const sandbox = await create({
      command: ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"],
      timeoutMs: 2_000,
    });
    const createdAtMs = Date.now();
    expect(await sandbox.wait()).toBe(124);
    expect(Date.now() - createdAtMs).toBeGreaterThan(1_500);
    expect(Date.now() - createdAtMs).toBeLessThan(7_000);
  });

  test("is waited for without a result while it runs, and with the App's id", async () => {
    const { sandboxId } = await create();
    const answer = await emulator.controlPlane().sandboxWaitV2({ sandboxId, timeout: 0.2 });
    expect(answer.result).toBeUndefined();
    expect(answer.metadata?.appId).toBe(app.appId);
  });

  test("whose command is not there ends as in a shell", async () => {
    const sandbox = await create({ command: ["/no/such/program"] });
    expect(await sandbox.wait()).toBe(127);
    expect(await sandbox.stderr.readText()).toMatch(/\/no\/such\/program/);
  });

  test("that cannot start says why, and leaves nothing", async () => {
    await expect(create({ workdir: "/etc/passwd", name: "cannot" })).rejects.toThrow(
      /FAILED_PRECONDITION.*could not be started.*not a directory/s,
    );
    const notStarted = (await emulator.containers()).filter(({ State }) => State === "created");
    expect(notStarted).toEqual([]);
    await expect(client.sandboxes.fromName("test-app", "cannot")).rejects.toThrow(/not found/);
  });

  test("that lost its caller before it was there ends", async () => {
    const gone = new AbortController();
    const creating = emulator
      .controlPlane({ "x-idempotency-key": "gone" })
      .sandboxCreateV2(
        { appId: app.appId, definition: { imageId: image.imageId, name: "lost-caller" } },
        { signal: gone.signal },
      );
    setTimeout(() => gone.abort(), 50);
    await expect(creating).rejects.toThrow(/abort/i);
    const ofName = () => ({
      sandboxName: "lost-caller",
      appName: "test-app",
      includeTerminated: true,
    });
    await until(async () => {
      const found = await emulator
        .controlPlane()
        .sandboxGetFromNameV2(ofName())
        .catch(() => undefined);
      if (found === undefined) return false;
      const { sandboxId } = found;
      const { result } = await emulator.controlPlane().sandboxWaitV2({ sandboxId, timeout: 1 });
      return result?.status === 3;
    });
  });
});

function isOfOther(sandbox: Sandbox) {
  return ({ Names }: { Names: string[] }) =>
    !Names.some((name) => name.includes(sandbox.sandboxId));
}

describe("what a sandbox gets", () => {
  test("its working directory, its arguments, and an image's ENTRYPOINT in front of them", async () => {
    const built = await client.images
      .fromRegistry("debian:bookworm-slim")
      .dockerfileCommands([
        'ENTRYPOINT ["/bin/sh", "-c", "echo entry $0 $@; exec $0 $@"]',
        'CMD ["date"]',
      ])
      .build(app);
    const sandbox = await client.sandboxes.create(app, built, {
      command: ["pwd", "-P"],
      workdir: "/usr/lib",
    });
    expect(await sandbox.wait()).toBe(0);
    expect(await sandbox.stdout.readText()).toBe("entry pwd -P\n/usr/lib\n");
  });

  test("secrets in their order, and its own variables over them", async () => {
    const named = await emulator.controlPlane().secretGetOrCreate({
      ...{ deploymentName: "named", objectCreationType: 1 },
      envDict: { A: "named", B: "named", C: "named" },
    });
    expect(named.secretId).toMatch(/^st-/);
    const { stdout } = await runToEnd("echo $A $B $C", {
      secrets: [
        await client.secrets.fromName("named"),
        await client.secrets.fromObject({ B: "object", C: "object" }),
      ],
      env: { C: "variable" },
    });
    expect(stdout).toBe("named object variable\n");
  });

  test("secrets that are nowhere else: in no record but the secret's own, and in no log", async () => {
    const value = "s3cr3t-value-of-this-test";
    await emulator.controlPlane().secretGetOrCreate({
      ...{ deploymentName: "kept", objectCreationType: 1, envDict: { KEPT: value } },
    });
    const sandbox = await create({
      secrets: [await client.secrets.fromName("kept")],
      env: { INLINE: value },
    });
    const process = await sandbox.exec(["sh", "-c", "echo $KEPT $INLINE"], {
      env: { EXEC: value },
    });
    expect(await process.stdout.readText()).toBe(`${value} ${value}\n`);
    const files = filesBelow(emulator.directory).filter((file) =>
      readFileSync(file).includes(value),
    );
    expect(files.every((file) => file.includes("/secrets/"))).toBe(true);
    expect(files.every((file) => (statSync(file).mode & 0o077) === 0)).toBe(true);
  });

  test("more cores reserved than there are; limits that hold", async () => {
    const sandbox = await create({
      ...{ cpu: 64, cpuLimit: 128, memoryMiB: 256, memoryLimitMiB: 512 },
    });
    const { HostConfig } = await inspect(sandbox);
    expect(HostConfig.CpuShares).toBe(65_536);
    expect(HostConfig.MemoryReservation).toBe(256 * 1024 * 1024);
    expect(HostConfig.Memory).toBe(512 * 1024 * 1024);
    expect(HostConfig.NanoCpus).toBe(cpus().length * 1e9);
  });

  test("too little memory, and says so", async () => {
    const { sandbox, status } = await runToEnd("tail /dev/zero", {
      ...{ memoryMiB: 16, memoryLimitMiB: 16 },
    });
    expect(status).toBe(137);
    const { sandboxId } = sandbox;
    const { result } = await emulator.controlPlane().sandboxWaitV2({ sandboxId, timeout: 0 });
    expect(result?.exception).toMatch(/out of memory/);
  });

  test("no network when it is blocked, and otherwise one with the host's name", async () => {
    const interfaces = "ls /sys/class/net; getent hosts host.docker.internal | wc -l";
    expect((await runToEnd(interfaces, { blockNetwork: true })).stdout).toBe("lo\n0\n");
    expect((await runToEnd(interfaces)).stdout).toBe("eth0\nlo\n1\n");
  });

  test("a volume that keeps what is written, hides what the image has there, and can be read-only", async () => {
    const volume = await client.volumes.fromName("kept", { createIfMissing: true, version: 2 });
    const first = await runToEnd("ls -A /etc/apt; echo data >/etc/apt/file", {
      volumes: { "/etc/apt": volume },
    });
    expect(first).toMatchObject({ stdout: "", status: 0 });
    const second = await runToEnd("cat /vol/file; echo more >>/vol/file", {
      volumes: { "/vol": volume.withMountOptions({ readOnly: true }) },
    });
    expect(second.stdout).toBe("data\n");
    expect(second.status).not.toBe(0);
    const [engineVolume] = (
      await emulator.docker.listVolumes({ filters: { label: ["modal-emulator.kind=volume"] } })
    ).Volumes.filter(({ Name }) => Name.includes(emulator.credentials.instance));
    expect(engineVolume?.Labels["modal-emulator.instance"]).toBe(emulator.credentials.instance);
  });
});

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("sandboxes by name, tag and list", () => {
  test("a name is one running sandbox's, and free when that is told to end", async () => {
    const first = await create({ name: "unique" });
    await expect(create({ name: "unique" })).rejects.toThrow(modal.AlreadyExistsError);
    const other = await client.apps.fromName("other-app", { createIfMissing: true });
    await (await client.sandboxes.create(other, image, { name: "unique" })).terminate();

    const found = await client.sandboxes.fromName("test-app", "unique");
    expect(found.sandboxId).toBe(first.sandboxId);
    await first.terminate();
    await expect(client.sandboxes.fromName("test-app", "unique")).rejects.toThrow(
      modal.NotFoundError,
    );
    const ended = await client.sandboxes.fromName("test-app", "unique", {
      includeTerminated: true,
    });
    expect(ended.sandboxId).toBe(first.sandboxId);
    const second = await create({ name: "unique" });
    expect(second.sandboxId).not.toBe(first.sandboxId);
    await expect(client.sandboxes.fromName("no-such-app", "unique")).rejects.toThrow(
      modal.NotFoundError,
    );
  });

  test("what is not there is not found", async () => {
    const none = await client.sandboxes.fromId("sb-none");
    await expect(none.poll()).rejects.toThrow(/NOT_FOUND/);
    await expect(none.terminate()).rejects.toThrow(/NOT_FOUND/);
    await expect(none.getTags()).rejects.toThrow(/NOT_FOUND/);
    await expect(none.exec(["true"])).rejects.toThrow(/NOT_FOUND/);
  });

  test("identifiers are of the V2 backend, and a sandbox is found by its own", async () => {
    const sandbox = await create();
    expect(sandbox.sandboxId).not.toMatch(/^sb-[0-9A-Za-z]{22}$/);
    const again = await client.sandboxes.fromId(sandbox.sandboxId);
    const process = await again.exec(["echo", "found"]);
    expect(await process.stdout.readText()).toBe("found\n");
  });

  test("one without a name can be given one, unless another one that runs has it", async () => {
    const [named, other] = await Promise.all([create(), create()]);
    await named.experimentalSetName("named-later");
    await named.experimentalSetName("named-later");
    const found = await client.sandboxes.fromName("test-app", "named-later");
    expect(found.sandboxId).toBe(named.sandboxId);
    const renaming = other.experimentalSetName("named-later");
    await expect(renaming).rejects.toThrow(modal.AlreadyExistsError);
    await named.terminate({ wait: true });
    await other.experimentalSetName("named-later");
    await expect(named.experimentalSetName("too-late")).rejects.toThrow(/has ended/);
    await other.terminate({ wait: true });
  });

  test("the list has each running sandbox once, newest first, by all of the tags asked for", async () => {
    const listed = await client.apps.fromName("listed", { createIfMissing: true });
    const made: Sandbox[] = [];
    for (const tags of [{ kind: "a", size: "1" }, { kind: "b" }, { kind: "a", size: "2" }]) {
      made.push(await client.sandboxes.create(listed, image, { tags }));
    }
    const list = async (params: object) => {
      const ids: string[] = [];
      for await (const { sandboxId } of client.sandboxes.list({ appId: listed.appId, ...params })) {
        ids.push(sandboxId);
      }
      return ids;
    };
    const ids = made.map(({ sandboxId }) => sandboxId);
    expect(await list({})).toEqual([...ids].reverse());
    expect(await list({ tags: { kind: "a" } })).toEqual([ids[2], ids[0]]);
    expect(await list({ tags: { kind: "a", size: "1" } })).toEqual([ids[0]]);
    await made[2]?.setTags({ kind: "c" });
    expect(await made[2]?.getTags()).toEqual({ kind: "c" });
    await made[0]?.terminate();
    expect(await list({})).toEqual([ids[2], ids[1]]);
    expect(await list({ tags: { kind: "a" } })).toEqual([]);
  });

  test("a request that is repeated gets the same sandbox, an ended one not", async () => {
    const request = { appId: app.appId, definition: { imageId: image.imageId } };
    const repeated = emulator.controlPlane({ "x-idempotency-key": "same" });
    const [one, two] = await Promise.all([
      repeated.sandboxCreateV2(request),
      repeated.sandboxCreateV2(request),
    ]);
    const three = await repeated.sandboxCreateV2(request);
    expect([two.sandboxId, three.sandboxId]).toEqual([one.sandboxId, one.sandboxId]);
    const other = emulator.controlPlane({ "x-idempotency-key": "other" });
    expect((await other.sandboxCreateV2(request)).sandboxId).not.toBe(one.sandboxId);
    await repeated.sandboxTerminateV2({ sandboxId: one.sandboxId });
    expect((await repeated.sandboxCreateV2(request)).sandboxId).not.toBe(one.sandboxId);
  });
});
