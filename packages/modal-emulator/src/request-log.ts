import { closeSync, openSync, renameSync, statSync, writeSync } from "node:fs";

const ROTATE_BYTES = 5 * 1024 * 1024;

/** One answered request. Never what it carried: requests hold secrets. */
export interface RequestLogEntry {
  readonly method: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Name of the gRPC status, `OK` or `NOT_FOUND`. */
  readonly status: string;
}

/**
 * Appends a line of JSON for each request to a file, of which one older part is kept. A line is in the file
 * when `write` returns: whoever has an answer finds its request there.
 */
export class RequestLog {
  readonly #file: string;
  #descriptor: number | undefined;
  #bytes = 0;

  constructor(file: string) {
    this.#file = file;
    this.#bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  write(entry: RequestLogEntry): void {
    if (this.#bytes > ROTATE_BYTES) this.#rotate();
    this.#descriptor ??= openSync(this.#file, "a", 0o600);
    this.#bytes += writeSync(this.#descriptor, `${JSON.stringify(entry)}\n`);
  }

  #rotate(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
    renameSync(this.#file, `${this.#file}.1`);
    this.#bytes = 0;
  }
}
