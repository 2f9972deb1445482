import { once } from "node:events";
import type { Duplex } from "node:stream";
import { ServerError, Status } from "nice-grpc";

/** Where a process's standard input goes. */
export interface InputSink {
  /** Resolves when more can be taken: a slow reader slows its writer down. */
  write(data: Uint8Array): Promise<void>;
  end(): void;
}

/**
 * Writes a stream whose writer says with every piece at which offset it belongs, so that a repeated
 * request writes nothing twice.
 */
export class OffsetWriter {
  readonly #open: () => Promise<InputSink>;
  #sink: Promise<InputSink> | undefined;
  #last: Promise<void> = Promise.resolve();
  #written = 0;
  #closed = false;

  /** @param open called for the first piece */
  constructor(open: () => Promise<InputSink>) {
    this.#open = open;
  }

  get written(): number {
    return this.#written;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Writes what of `data` was not written yet; with `eof`, then closes the stream. Pieces are written in
   * the order of the calls.
   * @throws ServerError FAILED_PRECONDITION for data behind the end, INVALID_ARGUMENT for a gap
   */
  write(offset: number, data: Uint8Array, eof: boolean): Promise<void> {
    const done = this.#last.then(() => this.#writeNext(offset, data, eof));
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #writeNext(offset: number, data: Uint8Array, eof: boolean): Promise<void> {
    // The SDK closes with an offset of 0 when it does not know how much has arrived.
    if (data.length > 0) await this.#writeNew(offset, data);
    if (eof && !this.#closed) {
      this.#closed = true;
      (await this.#opened()).end();
    }
  }

  async #writeNew(offset: number, data: Uint8Array): Promise<void> {
    if (offset > this.#written) {
      throw new ServerError(
        Status.INVALID_ARGUMENT,
        `standard input has ${this.#written} bytes so far, data for offset ${offset} leaves a gap`,
      );
    }
    const fresh = data.subarray(this.#written - offset);
    if (fresh.length === 0) return;
    if (this.#closed) {
      throw new ServerError(Status.FAILED_PRECONDITION, "standard input is closed");
    }
    const sink = await this.#opened();
    // Counted before it is taken in full: when the request is repeated meanwhile, this one still goes on.
    this.#written += fresh.length;
    await sink.write(fresh);
  }

  #opened(): Promise<InputSink> {
    this.#sink ??= this.#open().catch((error: unknown) => {
      this.#sink = undefined;
      throw error;
    });
    return this.#sink;
  }
}

/** CTRL-D, with which a person ends the input of a terminal. */
const END_OF_TRANSMISSION = "\x04";

/** The input side of an attached process. @param isTerminal a terminal cannot be half closed */
export function socketSink(socket: Duplex, isTerminal: boolean): InputSink {
  return {
    write: async (data) => {
      if (socket.destroyed || socket.writableEnded) throw notReading();
      if (socket.write(data)) return;
      const settled = new AbortController();
      const { signal } = settled;
      try {
        await Promise.race([
          once(socket, "drain", { signal }),
          once(socket, "close", { signal }).then(() => {
            throw notReading();
          }),
        ]);
      } finally {
        settled.abort();
      }
    },
    end: () => {
      if (socket.destroyed) return;
      if (isTerminal) socket.write(END_OF_TRANSMISSION);
      else socket.end();
    },
  };
}

function notReading(): ServerError {
  return new ServerError(
    Status.FAILED_PRECONDITION,
    "the process has ended and reads no more standard input",
  );
}
