import { EventEmitter, once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { open, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ServerError, Status } from "nice-grpc";

const READ_BYTES = 256 * 1024;

/** How much of a stream a spool keeps. */
export interface SpoolLimits {
  /** A stream is kept in files of this size; the oldest is removed as a whole. */
  readonly segmentBytes: number;
  readonly retainedBytes: number;
  /**
   * When the limit is reached: `wait` lets the writer wait until somebody has read the oldest part, so
   * that nothing is lost; `drop` forgets the oldest part.
   */
  readonly whenFull: "wait" | "drop";
}

/** Some of a stream, and where in it this is. */
export interface SpooledData {
  readonly data: Buffer;
  readonly offset: number;
}

interface Segment {
  readonly start: number;
  readonly file: string;
  length: number;
}

/**
 * A stream of bytes on disk, with one writer and any number of readers that begin at any offset and wait
 * for more until the stream is closed. Its memory does not grow with it. The files are readable by this
 * user alone and are named `PREFIX.OFFSET`.
 */
export class Spool {
  readonly #prefix: string;
  readonly #limits: SpoolLimits;
  readonly #segments: Segment[] = [];
  readonly #events = new EventEmitter().setMaxListeners(0);
  #writing: FileHandle | undefined;
  #end = 0;
  #readTo = 0;
  #closed = false;
  #failure: Error | undefined;
  #disposed = false;

  constructor(prefix: string, limits: SpoolLimits) {
    this.#prefix = prefix;
    this.#limits = limits;
  }

  /** The spool of a stream that an earlier process closed, or was writing when it ended. */
  static reopen(prefix: string, limits: SpoolLimits): Spool {
    const spool = new Spool(prefix, limits);
    const segments = readdirSync(dirname(prefix))
      .filter((name) => name.startsWith(`${basename(prefix)}.`))
      .map((name) => ({
        file: join(dirname(prefix), name),
        start: Number(name.slice(basename(prefix).length + 1)),
        length: statSync(join(dirname(prefix), name)).size,
      }))
      .sort((a, b) => a.start - b.start);
    spool.#segments.push(...segments);
    const last = segments.at(-1);
    spool.#end = last === undefined ? 0 : last.start + last.length;
    spool.#closed = true;
    return spool;
  }

  /** Offset behind the last byte: how much was written so far. */
  get end(): number {
    return this.#end;
  }

  /** Adds data, in the order of the calls: each must wait for the one before. */
  async append(data: Buffer): Promise<void> {
    for (let rest = data; rest.length > 0;) {
      const segment = await this.#segmentToWrite();
      if (segment === undefined || this.#writing === undefined) return;
      const part = rest.subarray(0, this.#limits.segmentBytes - segment.length);
      await this.#writing.appendFile(part);
      segment.length += part.length;
      this.#end += part.length;
      rest = rest.subarray(part.length);
      this.#events.emit("change");
    }
  }

  /** Ends the stream: readers come to its end, and there to the failure, if it ended with one. */
  close(failure?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure = failure;
    this.#events.emit("change");
    this.#events.emit("read");
    void this.#writing?.close().catch(() => undefined);
    this.#writing = undefined;
  }

  /** Removes the files. Who still reads gets an error. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.close();
    await Promise.all(this.#segments.splice(0).map(({ file }) => rm(file, { force: true })));
  }

  /**
   * The stream from `offset` to its end, waiting for more until it is closed. Where a spool that drops
   * has no more of what is at `offset`, it goes on with the oldest that is kept.
   * @throws ServerError OUT_OF_RANGE where a spool that waits has no more of it
   */
  async *read(offset: number, signal: AbortSignal): AsyncGenerator<SpooledData> {
    let position = offset;
    let reading: { segment: Segment; handle: FileHandle } | undefined;
    try {
      for (;;) {
        const segment = this.#segmentToRead(position);
        if (segment === undefined) {
          if (!(await this.#waitForMore(signal))) return;
          continue;
        }
        position = this.#firstKept(position, segment);
        if (reading?.segment !== segment) {
          await reading?.handle.close();
          reading = undefined;
          reading = { segment, handle: await open(segment.file) };
        }
        const data = await readAt(reading.handle, position - segment.start, segment.length);
        if (data.length === 0) throw new Error(`${segment.file} is shorter than it was`);
        yield { data, offset: position };
        position += data.length;
        this.#noteRead(position);
      }
    } finally {
      await reading?.handle.close();
    }
  }

  #segmentToRead(position: number): Segment | undefined {
    return this.#segments.find(({ start, length }) => length > 0 && position < start + length);
  }

  #firstKept(position: number, segment: Segment): number {
    if (position < segment.start && this.#limits.whenFull === "wait") {
      throw new ServerError(
        Status.OUT_OF_RANGE,
        `output before byte ${segment.start} is no longer kept, asked for was byte ${position}`,
      );
    }
    return Math.max(position, segment.start);
  }

  async #waitForMore(signal: AbortSignal): Promise<boolean> {
    if (this.#disposed) {
      throw new ServerError(Status.FAILED_PRECONDITION, "this output is no longer kept");
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) return false;
    await once(this.#events, "change", { signal });
    return true;
  }

  #noteRead(position: number): void {
    this.#readTo = Math.max(this.#readTo, position);
    this.#events.emit("read");
  }

  /** The segment to write to, or undefined when the spool was closed meanwhile. */
  async #segmentToWrite(): Promise<Segment | undefined> {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.length < this.#limits.segmentBytes) {
      return this.#closed ? undefined : last;
    }
    await this.#makeRoom();
    if (this.#closed) return undefined;
    await this.#writing?.close();
    const segment = { start: this.#end, length: 0, file: `${this.#prefix}.${this.#end}` };
    this.#writing = await open(segment.file, "wx", 0o600);
    this.#segments.push(segment);
    return segment;
  }

  async #makeRoom(): Promise<void> {
    for (;;) {
      const oldest = this.#segments[0];
      const retained = oldest === undefined ? 0 : this.#end - oldest.start;
      if (oldest === undefined || this.#closed) return;
      if (retained + this.#limits.segmentBytes <= this.#limits.retainedBytes) return;
      // A reader that lost its connection begins again some way back: two segments stay behind it.
      const margin = 2 * this.#limits.segmentBytes;
      const isRead = oldest.start + oldest.length + margin <= this.#readTo;
      if (this.#limits.whenFull === "wait" && !isRead) {
        await once(this.#events, "read");
        continue;
      }
      this.#segments.shift();
      await rm(oldest.file, { force: true });
    }
  }
}

async function readAt(handle: FileHandle, position: number, end: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
  return buffer.subarray(0, bytesRead);
}
