import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { App, Image, ModalClient } from "modal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestEmulator, until } from "../../test/test-emulator.ts";
import { findEngine } from "./engine.ts";

/** A way to the engine that can be cut, as when the engine is restarted and its containers live on. */
class CuttableEngine {
  readonly socketPath = join(tmpdir(), `engine-${process.pid}.sock`);
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  constructor(engineSocket: string) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const engine = connect({ path: engineSocket, allowHalfOpen: true });
      client.pipe(engine).pipe(client);
      for (const [socket, other] of [
        [client, engine],
        [engine, client],
      ] as const) {
        this.#connections.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          this.#connections.delete(socket);
          other.destroy();
        });
      }
    });
  }

  async open(): Promise<void> {
    this.#server.listen(this.socketPath);
    await once(this.#server, "listening");
  }

  async cut(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#connections) socket.destroy();
    await closed;
    rmSync(this.socketPath, { force: true });
  }
}

let engine: CuttableEngine;
let emulator: TestEmulator;
let client: ModalClient;
let app: App;
let image: Image;

beforeAll(async () => {
  const { address } = await findEngine();
  engine = new CuttableEngine(address.replace(/^unix:\/\//, ""));
  await engine.open();
  emulator = await TestEmulator.start({ DOCKER_HOST: `unix://${engine.socketPath}` });
  client = await emulator.client();
  ({ app, image } = await emulator.appAndImage(client));
});

afterAll(async () => {
  await emulator.cleanUp();
  await engine.cut();
});

describe("when the connection to the engine breaks", () => {
  test("sandboxes are watched again: their end, readiness, output and deadline", async () => {
    const modal = await emulator.modal();
    const shell = (script: string, params: object = {}) =>
      client.sandboxes.create(app, image, { ...params, command: ["sh", "-c", script] });
    const readinessProbe = modal.Probe.withExec(["test", "-f", "/tmp/ready"]);
    const [ending, becoming, printing, timing] = await Promise.all([
      shell("sleep 2; exit 5"),
      shell("sleep 2; touch /tmp/ready; sleep 600", { readinessProbe }),
      shell("for i in 1 2 3 4 5 6; do echo line $i; sleep 0.5; done"),
      shell("sleep 600", { timeoutMs: 3_000 }),
    ]);
    const command = await printing.exec(["sleep", "600"]);
    const lost = expect(command.wait()).rejects.toThrow(/FAILED_PRECONDITION.*was lost/);
    await delay(300);
    await engine.cut();
    await delay(300);
    await engine.open();
    await lost;
    expect(await ending.wait()).toBe(5);
    await becoming.waitUntilReady(20_000);
    expect(await timing.wait()).toBe(124);
    await printing.wait();
    const lines = [1, 2, 3, 4, 5, 6].map((number) => `line ${number}\n`);
    expect(await printing.stdout.readText()).toBe(lines.join(""));
    await becoming.terminate({ wait: true });
    await until(async () => (await emulator.containers()).length === 0);
  });
});
