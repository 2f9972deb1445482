import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { App, Image, ModalClient, Sandbox } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestEmulator, until } from "../../test/test-emulator.ts";

let emulator: TestEmulator;
let client: ModalClient;
let app: App;
let image: Image;

beforeAll(async () => {
  emulator = await TestEmulator.start();
  client = await emulator.client();
  ({ app, image } = await emulator.appAndImage(client));
});

afterAll(() => emulator.cleanUp());

const containerOf = (sandbox: Sandbox) =>
  emulator.docker.getContainer(
    `modal-emulator-${emulator.credentials.instance}-${sandbox.sandboxId}`,
  );

/** Kills the emulator, does something while there is none, and starts it again. */
async function whileKilled(action: () => Promise<unknown> = () => Promise.resolve()) {
  await emulator.kill("SIGKILL");
  await action();
  await emulator.startProcess();
}

describe("an emulator that was killed", () => {
  test("finds its sandboxes again, with name, tags, readiness, output and commands", async () => {
    const modal = await emulator.modal();
    const sandbox = await client.sandboxes.create(app, image, {
      command: [
        "sh",
        "-c",
        "echo before; while ! test -f /tmp/go; do sleep 0.05; done; echo after; sleep 600",
      ],
      readinessProbe: modal.Probe.withExec(["true"]),
      name: "survivor",
      tags: { kind: "survivor" },
    });
    await sandbox.waitUntilReady();
    await whileKilled(async () => {
      const go = await containerOf(sandbox).exec({ Cmd: ["touch", "/tmp/go"] });
      await go.start({ Detach: true });
      await delay(200);
    });

    const found = await client.sandboxes.fromName("test-app", "survivor");
    expect(found.sandboxId).toBe(sandbox.sandboxId);
    expect(await found.getTags()).toEqual({ kind: "survivor" });
    expect(await found.poll()).toBeNull();
    await found.waitUntilReady(5_000);
    const process = await found.exec(["echo", "works"]);
    expect(await process.stdout.readText()).toBe("works\n");
    const reader = found.stdout.getReader();
    let text = "";
    while (!text.includes("after")) text += (await reader.read()).value ?? "";
    expect(text).toBe("before\nafter\n");
    // The client that was there before goes on as well.
    const again = await sandbox.exec(["echo", "still works"]);
    expect(await again.stdout.readText()).toBe("still works\n");
    await expect(client.sandboxes.create(app, image, { name: "survivor" })).rejects.toThrow(
      modal.AlreadyExistsError,
    );
    expect(await found.terminate({ wait: true })).toBe(137);
  });

  test("goes on with a probe that had not succeeded", async () => {
    const modal = await emulator.modal();
    const sandbox = await client.sandboxes.create(app, image, {
      readinessProbe: modal.Probe.withExec(["test", "-f", "/tmp/ready"]),
    });
    await whileKilled();
    await (await sandbox.exec(["touch", "/tmp/ready"])).wait();
    await sandbox.waitUntilReady(10_000);
  });

  test("learns how a sandbox ended meanwhile, and keeps what it printed", async () => {
    const sandbox = await client.sandboxes.create(app, image, {
      command: ["sh", "-c", "sleep 0.7; echo last words; exit 7"],
    });
    await whileKilled(() => containerOf(sandbox).wait());
    expect(await sandbox.wait()).toBe(7);
    expect(await sandbox.stdout.readText()).toBe("last words\n");
    await until(async () => !(await emulator.containers()).some(isOf(sandbox)));
  });

  test("holds deadlines, also those that passed meanwhile", async () => {
    const command = ["sleep", "600"];
    const passed = await client.sandboxes.create(app, image, { command, timeoutMs: 1_000 });
    const soon = await client.sandboxes.create(app, image, { command, timeoutMs: 4_000 });
    const soonAtMs = Date.now() + 4_000;
    await whileKilled(() => delay(1_200));
    const restartedAtMs = Date.now();
    expect(await passed.wait()).toBe(124);
    expect(Date.now() - restartedAtMs).toBeLessThan(5_000);
    expect(await soon.wait()).toBe(124);
    expect(Date.now()).toBeGreaterThan(soonAtMs - 500);
    expect(Date.now() - soonAtMs).toBeLessThan(5_000);
  });

  test("while it ended a sandbox ends it", async () => {
    const sandbox = await client.sandboxes.create(app, image, {
      command: ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"],
    });
    await sandbox.terminate();
    await whileKilled();
    expect(await sandbox.wait()).toBe(137);
  });

  test("says that a sandbox is lost whose container somebody removed", async () => {
    const sandbox = await client.sandboxes.create(app, image, { name: "lost" });
    await whileKilled(() => containerOf(sandbox).remove({ force: true }));
    expect(await sandbox.wait()).toBe(137);
    const { sandboxId } = sandbox;
    const { result } = await emulator.controlPlane().sandboxWaitV2({ sandboxId, timeout: 0 });
    expect(result).toMatchObject({ status: 6 });
    expect(result?.exception).toMatch(/removed/);
    await expect(client.sandboxes.fromName("test-app", "lost")).rejects.toThrow(/not found/);
  });

  test("between creating and starting a container has neither sandbox nor container", async () => {
    const { instance } = emulator.credentials;
    const sandbox = await client.sandboxes.create(app, image, { name: "half" });
    await whileKilled(async () => {
      const container = containerOf(sandbox);
      await container.remove({ force: true });
      await emulator.docker.createContainer({
        name: `modal-emulator-${instance}-${sandbox.sandboxId}`,
        Image: (await emulator.docker.listImages())[0]?.Id ?? "",
        Cmd: ["true"],
        Labels: labelsOf(sandbox.sandboxId),
      });
    });
    expect(await sandbox.wait()).toBe(137);
    await until(async () => !(await emulator.containers()).some(isOf(sandbox)));
  });

  test("removes containers of its own that no record knows, and no others", async () => {
    const kept = await client.sandboxes.create(app, image);
    const stray = await client.sandboxes.create(app, image);
    const record = join(emulator.directory, "sandboxes", `${stray.sandboxId}.json`);
    await whileKilled(() => {
      rmSync(record);
      return Promise.resolve();
    });
    await until(async () => !(await emulator.containers()).some(isOf(stray)));
    expect((await emulator.containers()).some(isOf(kept))).toBe(true);
    await expect(stray.poll()).rejects.toThrow(/NOT_FOUND/);
  });

  test("twenty times, at any moment of a sandbox's making, leaves no container unknown", async () => {
    for (let round = 0; round < 20; round++) {
      const creating = client.sandboxes
        .create(app, image, { name: `round-${round}`, tags: { round: String(round) } })
        .catch(() => undefined);
      await delay(round * 15);
      await whileKilled();
      const created = await creating;
      // The SDK repeats the request with the same key, and gets a sandbox that runs.
      if (created !== undefined) expect(await created.poll()).toBeNull();
    }
    await until(async () => {
      const { sandboxes } = await emulator.controlPlane().sandboxListV2({ appId: app.appId });
      const running = new Set(sandboxes.map(({ id }) => id));
      const containers = await emulator.containers();
      const known = containers.filter(({ Labels }) =>
        running.has(Labels["modal-emulator.sandbox"] ?? ""),
      );
      return known.length === containers.length && known.length === running.size;
    });
  }, 120_000);
});

const labelsOf = (sandboxId: string) => ({
  "modal-emulator.instance": emulator.credentials.instance,
  "modal-emulator.kind": "sandbox",
  "modal-emulator.sandbox": sandboxId,
});

function isOf(sandbox: Sandbox) {
  return ({ Names }: { Names: string[] }) => Names.some((name) => name.includes(sandbox.sandboxId));
}
