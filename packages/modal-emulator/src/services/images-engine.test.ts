import { once } from "node:events";
import {
  connect,
  createServer,
  type AddressInfo,
  type IpcNetConnectOpts,
  type Server,
  type Socket,
  type TcpNetConnectOpts,
} from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findEngine } from "../containers/engine.ts";
import { ImageBench, uniqueCommand } from "../../test/image-bench.ts";
import { until } from "../../test/test-emulator.ts";

/** The engine, as on another machine: by TCP, where it can be cut off without stopping it. */
class RemoteEngine {
  readonly #sockets = new Set<Socket>();
  #server: Server;
  #port = 0;
  readonly #place: IpcNetConnectOpts | TcpNetConnectOpts;

  /** @param address of the real engine */
  constructor(address: string) {
    const url = new URL(address);
    this.#place =
      url.protocol === "unix:"
        ? { path: url.pathname }
        : { host: url.hostname, port: Number(url.port) };
    this.#server = this.#makeServer();
  }

  get address(): string {
    return `tcp://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#server = this.#makeServer();
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #makeServer(): Server {
    return createServer({ allowHalfOpen: true }, (client) => {
      const engine = connect({ ...this.#place, allowHalfOpen: true });
      for (const socket of [client, engine]) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          client.destroy();
          engine.destroy();
        });
      }
      client.pipe(engine).pipe(client);
    });
  }
}

let engine: RemoteEngine;
let bench: ImageBench;

beforeAll(async () => {
  engine = new RemoteEngine((await findEngine()).address);
  await engine.start();
  bench = await ImageBench.start({ DOCKER_HOST: engine.address });
});

afterAll(async () => {
  await bench.cleanUp();
  await engine.stop();
});

test("an engine on another machine builds, and trusts this machine's certificates", async () => {
  await bench.layer(["RUN grep -q CERTIFICATE $SSL_CERT_FILE"]).build(bench.app);
});

test("an engine that is stopped during a build fails it at once, with words; afterwards it works again", async () => {
  const commands = [uniqueCommand(), "RUN sleep 300"];
  const imageId = await bench.startBuild(commands);
  await until(async () => (await bench.emulator.containers()).some((c) => c.State === "running"));
  await engine.stop();
  const { result } = await bench.follow(imageId);
  expect(result?.exception).toContain("the container engine stopped answering during the build");
  await expect(bench.client.images.fromId(bench.base.imageId)).rejects.toThrow(
    /no container engine answers|stopped answering/,
  );
  await engine.start();
  await bench.layer(["RUN true"]).build(bench.app);
  await bench.restart();
  await until(async () => (await bench.emulator.containers()).length === 0);
});
