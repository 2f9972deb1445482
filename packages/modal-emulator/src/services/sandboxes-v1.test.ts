import type { App, Image, ModalClient, Sandbox } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lackingGpuRuntime } from "../containers/gpu.ts";
import { findEngine } from "../containers/engine.ts";
import { TestEmulator } from "../../test/test-emulator.ts";

// What the SDK does with a GPU, without one: this sends every sandbox to the V1 backend. It is read when
// the SDK is imported.
process.env["MODAL_SANDBOX_V2"] = "0";

let emulator: TestEmulator;
let modal: Awaited<ReturnType<TestEmulator["modal"]>>;
let client: ModalClient;
let app: App;
let image: Image;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  modal = await emulator.modal();
  client = await emulator.client();
  ({ app, image } = await emulator.appAndImage(client));
});

afterAll(async () => {
  delete process.env["MODAL_SANDBOX_V2"];
  await emulator.cleanUp();
});

type Params = Parameters<ModalClient["sandboxes"]["create"]>[2];
const create = (params: Params = {}) => client.sandboxes.create(app, image, params);

describe("SPEC-01.10: sandboxes of the V1 backend, by the unmodified SDK", () => {
  test("an identifier of V1, a command's output and status, variables and secrets", async () => {
    const sandbox = await create({
      command: ["sh", "-c", "echo out $A $B; echo err >&2; exit 3"],
      env: { A: "variable" },
      secrets: [await client.secrets.fromObject({ B: "secret" })],
    });
    expect(sandbox.sandboxId).toMatch(/^sb-[0-9A-Za-z]{22}$/);
    expect(await sandbox.wait()).toBe(3);
    expect(await sandbox.stdout.readText()).toBe("out variable secret\n");
    expect(await sandbox.stderr.readText()).toBe("err\n");
  });

  test("exec, readiness, time limit, termination", async () => {
    const sandbox = await create({
      command: ["sh", "-c", "sleep 0.3; touch /tmp/ready; sleep 60"],
      readinessProbe: modal.Probe.withExec(["test", "-f", "/tmp/ready"], { intervalMs: 25 }),
    });
    await sandbox.waitUntilReady(20_000);
    const process = await sandbox.exec(["echo", "inside"]);
    expect(await process.stdout.readText()).toBe("inside\n");
    expect(await process.wait()).toBe(0);
    expect(await sandbox.poll()).toBeNull();
    expect(await sandbox.terminate({ wait: true })).toBe(137);
    const short = await create({ timeoutMs: 1_000 });
    expect(await short.wait()).toBe(124);
  });

  test("standard input in pieces, and output as it comes, no character cut in two", async () => {
    const sandbox = await create({ command: ["cat"] });
    const writer = sandbox.stdin.getWriter();
    const text = "häßlich 😀 ".repeat(5_000);
    for (const piece of text.match(/.{1,997}/gsu) ?? []) await writer.write(piece);
    await writer.close();
    expect((await sandbox.stdout.readText()) === text).toBe(true);
    expect(await sandbox.wait()).toBe(0);
    // From the beginning again: it has ended, and what it printed stays.
    const again = await client.sandboxes.fromId(sandbox.sandboxId);
    expect((await again.stdout.readText()) === text).toBe(true);
  });

  test("names are one set with V2's, tags are set and read, lists have them", async () => {
    const named = await create({ name: "unique", tags: { kind: "v1" } });
    await expect(create({ name: "unique" })).rejects.toThrow(modal.AlreadyExistsError);
    await expect(
      client.sandboxes.experimentalCreate(app, image, { name: "unique" }),
    ).rejects.toThrow(modal.AlreadyExistsError);
    const found = await client.sandboxes.fromName("test-app", "unique");
    expect(found.sandboxId).toBe(named.sandboxId);
    await expect(client.sandboxes.experimentalFromName("test-app", "unique")).rejects.toThrow(
      modal.NotFoundError,
    );
    await named.setTags({ kind: "v1", more: "yes" });
    expect(await named.getTags()).toEqual({ kind: "v1", more: "yes" });

    const v2: Sandbox = await client.sandboxes.experimentalCreate(app, image, {
      tags: { kind: "v2" },
    });
    const page = { appId: app.appId, includeFinished: false, beforeTimestamp: 0, tags: [] };
    const tagged = { ...page, environmentName: "", tags: [{ tagName: "kind", tagValue: "v1" }] };
    const v1Only = await client.cpClient.sandboxList(tagged);
    expect(v1Only.sandboxes.map(({ id }) => id)).toEqual([named.sandboxId]);
    const all = await client.cpClient.sandboxListV2({ ...page, environmentName: "" });
    const ids = all.sandboxes.map(({ id }) => id);
    expect(ids).toContain(named.sandboxId);
    expect(ids).toContain(v2.sandboxId);

    await named.terminate({ wait: true });
    await expect(client.sandboxes.fromName("test-app", "unique")).rejects.toThrow(
      modal.NotFoundError,
    );
  });

  test("a volume keeps what is written", async () => {
    const volume = await client.volumes.fromName("v1-kept", { createIfMissing: true, version: 2 });
    const writer = await create({
      command: ["sh", "-c", "echo data >/vol/file; sync /vol"],
      volumes: { "/vol": volume },
    });
    expect(await writer.wait()).toBe(0);
    const reader = await create({ command: ["cat", "/vol/file"], volumes: { "/vol": volume } });
    expect(await reader.stdout.readText()).toBe("data\n");
  });
});

describe("SPEC-01.10: GPUs", () => {
  test("a type that there is not, and too many, are refused", async () => {
    await expect(create({ gpu: "A11" })).rejects.toThrow(
      /INVALID_ARGUMENT.*Unknown GPU type 'A11'/,
    );
    await expect(create({ gpu: "A100:9" })).rejects.toThrow(/INVALID_ARGUMENT.*9 GPUs/);
    const definition = {
      imageId: image.imageId,
      resources: { gpuConfig: { gpuType: "A10G", count: 1 } },
    };
    const request = { appId: app.appId, definition };
    await expect(emulator.controlPlane().sandboxCreateV2(request)).rejects.toThrow(
      /INVALID_ARGUMENT.*V2 backend have no GPUs/,
    );
  });

  test("one is the engine's, or refused with the reason where the engine has no NVIDIA runtime", async () => {
    const reason = await lackingGpuRuntime(await findEngine());
    if (reason === undefined) {
      const sandbox = await create({ gpu: "A10G", command: ["nvidia-smi", "-L"] });
      expect(await sandbox.stdout.readText()).toMatch(/^GPU 0:/);
    } else {
      expect(reason).toMatch(/has no NVIDIA runtime \(its runtimes: .*runc/);
      await expect(create({ gpu: "A10G" })).rejects.toThrow(/FAILED_PRECONDITION.*NVIDIA runtime/);
      const running = await emulator.containers();
      expect(running.filter(({ State }) => State === "created")).toEqual([]);
    }
  });
});
