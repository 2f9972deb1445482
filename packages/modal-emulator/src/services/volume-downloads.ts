import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { VolumeFiles } from "../containers/volume-files.ts";
import type { EmulatorContext } from "../context.ts";

/** A part of a file in a volume: the bytes `[start, end)`. */
export interface FilePart {
  readonly volumeId: string;
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

const SUBJECT = "volume-file:";

/**
 * Gives parts of volumes' files over HTTP, as Modal's storage does: on loopback, to whoever has the address
 * of a part, which is signed and good for one hour. Listens from the first address on.
 */
export class VolumeDownloads {
  readonly files: VolumeFiles;
  readonly #context: EmulatorContext;
  #server: Promise<Server> | undefined;

  constructor(context: EmulatorContext) {
    this.#context = context;
    this.files = new VolumeFiles(context);
  }

  /** The addresses of the parts of a file. */
  async urls(parts: readonly FilePart[]): Promise<string[]> {
    if (parts.length === 0) return [];
    this.#server ??= this.#listen();
    const { port } = (await this.#server).address() as AddressInfo;
    return parts.map((part) => {
      const token = this.#context.tokens.issue(`${SUBJECT}${JSON.stringify(part)}`);
      return `http://127.0.0.1:${port}/volume-file?token=${token}`;
    });
  }

  close(): void {
    void this.#server?.then((server) => {
      server.close();
      server.closeAllConnections();
    });
  }

  async #listen(): Promise<Server> {
    const server = createServer((request, response) => void this.#answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const part = this.#partOf(request);
    const volume = part && this.#context.store.volumes.get(part.volumeId);
    if (request.method !== "GET" || part === undefined || volume === undefined) {
      response.writeHead(request.method === "GET" ? 403 : 405).end();
      return;
    }
    const { path, start, end } = part;
    response.writeHead(200, {
      "content-type": "application/octet-stream",
      "content-length": end - start,
    });
    try {
      for await (const data of this.files.read(volume, path, start, end)) {
        if (response.destroyed) return;
        if (!response.write(data))
          await Promise.race([once(response, "drain"), once(response, "close")]);
      }
      // Of a file that has become shorter meanwhile this breaks the connection, as it should.
      response.end();
    } catch (error) {
      this.#context.log(`a file of volume ${volume.id} was not sent: ${String(error)}`);
      response.destroy();
    }
  }

  #partOf({ url = "" }: IncomingMessage): FilePart | undefined {
    const [path, query] = url.split("?");
    if (path !== "/volume-file") return undefined;
    const token = new URLSearchParams(query).get("token") ?? "";
    const subject = this.#context.tokens.verify(token);
    if (subject?.startsWith(SUBJECT) !== true) return undefined;
    return JSON.parse(subject.slice(SUBJECT.length)) as FilePart;
  }
}
