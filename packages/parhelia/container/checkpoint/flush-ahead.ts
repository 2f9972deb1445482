import { closeSync, fdatasync, openSync } from "node:fs";

/** Content that the disk may get behind with. */
const EVERY_BYTES = 32 * 1024 * 1024;

/**
 * Lets the disk write a file while it still grows, so that the flush at its end has little left to wait for. It
 * has a descriptor of its own: an error of the disk is still told to the one that the file is written by.
 */
export class FlushAhead {
  readonly #descriptor: number;
  #flushedBytes = 0;

  /** @param path of a file that is there @throws Error of the file system */
  constructor(path: string) {
    this.#descriptor = openSync(path, "r");
  }

  /** The file has become so long. */
  reached(bytes: number): void {
    if (bytes - this.#flushedBytes < EVERY_BYTES) return;
    this.#flushedBytes = bytes;
    fdatasync(this.#descriptor, () => undefined);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
