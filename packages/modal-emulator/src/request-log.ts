import { createWriteStream, renameSync, statSync, type WriteStream } from "node:fs";

const ROTATE_BYTES = 5 * 1024 * 1024;

/** One answered request. Never what it carried: requests hold secrets. */
export interface RequestLogEntry {
  readonly method: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Name of the gRPC status, `OK` or `NOT_FOUND`. */
  readonly status: string;
}

/** Appends a line of JSON for each request to a file, of which one older part is kept. */
export class RequestLog {
  readonly #file: string;
  #stream: WriteStream | undefined;
  #bytes = 0;

  constructor(file: string) {
    this.#file = file;
    this.#bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  write(entry: RequestLogEntry): void {
    const line = `${JSON.stringify(entry)}\n`;
    if (this.#bytes > ROTATE_BYTES) this.#rotate();
    this.#stream ??= createWriteStream(this.#file, { flags: "a", mode: 0o600 });
    this.#stream.write(line);
    this.#bytes += line.length;
  }

  #rotate(): void {
    this.#stream?.end();
    this.#stream = undefined;
    renameSync(this.#file, `${this.#file}.1`);
    this.#bytes = 0;
  }
}
