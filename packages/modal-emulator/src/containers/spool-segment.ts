import { open, rm, type FileHandle } from "node:fs/promises";

const READ_BYTES = 256 * 1024;

/** A stretch of a spooled stream. */
export interface Segment {
  /** Where in the stream it begins. */
  readonly start: number;
  /** How much of it is there to be read. */
  readonly length: number;
  append(data: readonly Buffer[]): Promise<void>;
  /** Nothing more will be written to it. */
  finish(): Promise<void>;
  reader(): SegmentReader;
  dispose(): Promise<void>;
}

/** Reads one segment; many can at once. */
export interface SegmentReader {
  /** Some data from `position` on, counted from the segment's start. There must be some. */
  read(position: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** A segment that is small enough to need no file. */
export class MemorySegment implements Segment {
  readonly start = 0;
  #data = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(data: readonly Buffer[]): Promise<void> {
    for (const part of data) {
      const needed = this.#length + part.length;
      if (needed > this.#data.length) {
        const larger = Buffer.allocUnsafe(2 * needed);
        this.#data.copy(larger, 0, 0, this.#length);
        this.#data = larger;
      }
      part.copy(this.#data, this.#length);
      this.#length = needed;
    }
    return Promise.resolve();
  }

  finish(): Promise<void> {
    this.#data = Buffer.from(this.#data.subarray(0, this.#length));
    return Promise.resolve();
  }

  reader(): SegmentReader {
    return {
      read: (position) => Promise.resolve(Buffer.from(this.#data.subarray(position, this.#length))),
      close: () => Promise.resolve(),
    };
  }

  dispose(): Promise<void> {
    this.#data = Buffer.alloc(0);
    this.#length = 0;
    return Promise.resolve();
  }
}

/** A segment in a file that this user alone can read. */
export class FileSegment implements Segment {
  readonly start: number;
  readonly #file: string;
  #length: number;
  #writing: FileHandle | undefined;

  /** @param length of a file that is there already, otherwise 0 */
  constructor(start: number, file: string, length: number) {
    this.start = start;
    this.#file = file;
    this.#length = length;
  }

  get length(): number {
    return this.#length;
  }

  async append(data: readonly Buffer[]): Promise<void> {
    this.#writing ??= await open(this.#file, "wx", 0o600);
    for (let rest = [...data]; rest.length > 0;) {
      const { bytesWritten } = await this.#writing.writev(rest);
      this.#length += bytesWritten;
      rest = splitBuffers(rest, bytesWritten).tail;
    }
  }

  async finish(): Promise<void> {
    await this.#writing?.close();
    this.#writing = undefined;
  }

  reader(): SegmentReader {
    let handle: FileHandle | undefined;
    return {
      read: async (position) => {
        handle ??= await open(this.#file);
        const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, this.#length - position));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) throw new Error(`${this.#file} is shorter than it was`);
        return buffer.subarray(0, bytesRead);
      },
      close: async () => handle?.close(),
    };
  }

  async dispose(): Promise<void> {
    await this.finish();
    await rm(this.#file, { force: true });
  }
}

/** Splits buffers behind so many bytes. */
export function splitBuffers(
  buffers: readonly Buffer[],
  bytes: number,
): { readonly head: Buffer[]; readonly tail: Buffer[] } {
  const head: Buffer[] = [];
  const tail: Buffer[] = [];
  let room = bytes;
  for (const buffer of buffers) {
    if (room > 0) head.push(buffer.subarray(0, room));
    if (buffer.length > room) tail.push(buffer.subarray(room));
    room = Math.max(0, room - buffer.length);
  }
  return { head, tail };
}
