import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEngine } from "modal-emulator/admin";

/** A request of the engine's API that gets this answer instead of the engine's own. */
export interface Refusal {
  /** How the request begins, such as `POST /commit`. */
  readonly request: string;
  readonly status: number;
  readonly message: string;
}

/**
 * The machine's engine behind a socket of the test's own, so that the engine can fail for one test while
 * it goes on for everyone else.
 */
export class EngineProxy {
  readonly #directory = mkdtempSync(join(tmpdir(), "engine-proxy-"));
  readonly #sockets = new Set<Socket>();
  readonly #engineAddress: string;
  #server: Server | undefined;
  /** While set, the requests that it names are refused. */
  refusal: Refusal | undefined;

  private constructor(engineAddress: string) {
    this.#engineAddress = engineAddress;
  }

  static async start(): Promise<EngineProxy> {
    const proxy = new EngineProxy((await findEngine()).address);
    await proxy.restore();
    return proxy;
  }

  /** For `DOCKER_HOST`. */
  get address(): string {
    return `unix://${this.#socketPath}`;
  }

  get #socketPath(): string {
    return join(this.#directory, "engine.sock");
  }

  /** The engine stops: connections break, and there are no new ones. */
  async cut(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    this.#server = undefined;
  }

  /** The engine is there again. */
  async restore(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true }, (client) => this.#serve(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(this.#socketPath, resolve);
    });
  }

  async close(): Promise<void> {
    if (this.#server !== undefined) await this.cut();
    rmSync(this.#directory, { recursive: true });
  }

  #serve(client: Socket): void {
    const upstream = this.#connect();
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#sockets.delete(socket));
    }
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
    upstream.pipe(client);
    client.on("data", (chunk) => {
      const { refusal } = this;
      // A request's head comes in one piece; what is inside a request does not begin with a method.
      if (refusal !== undefined && withoutVersion(chunk).startsWith(refusal.request)) {
        client.end(answer(refusal));
      } else upstream.write(chunk);
    });
    // One side may have said all that it will while the other goes on, as in the streams of an exec.
    client.on("end", () => upstream.end());
  }

  #connect(): Socket {
    const { protocol, pathname, hostname, port } = new URL(this.#engineAddress);
    const place =
      protocol === "unix:" ? { path: pathname } : { host: hostname, port: Number(port || 2375) };
    return connect({ ...place, allowHalfOpen: true });
  }
}

/** The first words of a request, without the API version that may stand before its path. */
function withoutVersion(chunk: Buffer): string {
  return chunk
    .subarray(0, 200)
    .toString("latin1")
    .replace(/ \/v\d+\.\d+\//, " /");
}

function answer({ status, message }: Refusal): string {
  const body = JSON.stringify({ message });
  const head = [
    `HTTP/1.1 ${status} Refused`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
