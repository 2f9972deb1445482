import { EventEmitter, once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ServerError, Status } from "nice-grpc";
import {
  FileSegment,
  MemorySegment,
  splitBuffers,
  type Segment,
  type SegmentReader,
} from "./spool-segment.ts";

/** Data that waits to be written; a writer with more waits until it is. */
const PENDING_BYTES = 1024 * 1024;

/** How much of a stream a spool keeps, and where. */
export interface SpoolLimits {
  /** The beginning of a stream is kept in memory: most are no longer, and need no file then. */
  readonly memoryBytes: number;
  /** What follows is kept in files of this size; the oldest is removed as a whole. */
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

/**
 * A stream of bytes, mostly on disk, with one writer and any number of readers that begin at any offset
 * and wait for more until the stream is closed. Its memory does not grow with it. The files are named
 * `PREFIX.OFFSET`.
 */
export class Spool {
  readonly #prefix: string;
  readonly #limits: SpoolLimits;
  readonly #segments: Segment[] = [];
  readonly #events = new EventEmitter().setMaxListeners(0);
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #readTo = 0;
  #failure: Error | undefined;
  /** `closing`: what was added is still being written. */
  #state: "open" | "closing" | "closed" | "disposed" = "open";

  constructor(prefix: string, limits: SpoolLimits) {
    this.#prefix = prefix;
    this.#limits = limits;
  }

  /** The spool of a stream that an earlier process wrote. */
  static reopen(prefix: string, limits: SpoolLimits): Spool {
    const spool = new Spool(prefix, limits);
    const segments = readdirSync(dirname(prefix))
      .filter((name) => name.startsWith(`${basename(prefix)}.`))
      .map((name) => {
        const file = join(dirname(prefix), name);
        const start = Number(name.slice(basename(prefix).length + 1));
        return new FileSegment(start, file, statSync(file).size);
      })
      .sort((a, b) => a.start - b.start);
    spool.#segments.push(...segments);
    spool.#state = "closed";
    return spool;
  }

  /** Offset behind the last byte that is there to be read. */
  get end(): number {
    const last = this.#segments.at(-1);
    return last === undefined ? 0 : last.start + last.length;
  }

  /**
   * Adds data. Returns before it is written, unless much is waiting to be: then the writer waits.
   * @throws Error when data could not be written, now or before
   */
  async append(data: Buffer): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#state !== "open" || data.length === 0) return;
    this.#pending.push(data);
    this.#pendingBytes += data.length;
    this.#writing ??= this.#writePending();
    if (this.#pendingBytes >= PENDING_BYTES) await this.#writing;
  }

  /** Ends the stream behind what was added: readers come to its end, and there to a failure. */
  async close(failure?: Error): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#failure ??= failure;
    await this.#writing;
    this.#end("closed");
    await this.#segments.at(-1)?.finish();
  }

  /** Removes the files. Who still reads gets an error. */
  async dispose(): Promise<void> {
    this.#end("disposed");
    this.#events.emit("read");
    await this.#writing;
    await Promise.all(this.#segments.splice(0).map((segment) => segment.dispose()));
  }

  /**
   * The stream from `offset` to its end, waiting for more until it is closed. Where a spool that drops
   * has no more of what is at `offset`, it goes on with the oldest that is kept.
   * @throws ServerError OUT_OF_RANGE where a spool that waits has no more of it
   */
  async *read(offset: number, signal: AbortSignal): AsyncGenerator<SpooledData> {
    let position = offset;
    let reading: { segment: Segment; reader: SegmentReader } | undefined;
    try {
      for (;;) {
        const segment = this.#segmentToRead(position);
        if (segment === undefined) {
          if (!(await this.#waitForMore(signal))) return;
          continue;
        }
        position = this.#firstKept(position, segment);
        if (reading?.segment !== segment) {
          await reading?.reader.close();
          reading = { segment, reader: segment.reader() };
        }
        const data = await reading.reader.read(position - segment.start);
        yield { data, offset: position };
        position += data.length;
        this.#noteRead(position);
      }
    } finally {
      await reading?.reader.close();
    }
  }

  #end(state: "closed" | "disposed"): void {
    if (this.#state !== "disposed") this.#state = state;
    this.#events.emit("change");
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
    if (this.#state === "disposed") {
      throw new ServerError(Status.FAILED_PRECONDITION, "this output is no longer kept");
    }
    if (this.#state === "closed") {
      if (this.#failure !== undefined) throw this.#failure;
      return false;
    }
    await once(this.#events, "change", { signal });
    return true;
  }

  #noteRead(position: number): void {
    this.#readTo = Math.max(this.#readTo, position);
    this.#events.emit("read");
  }

  /** Never rejects: whoever adds more, or reads to the end, learns of the failure. */
  async #writePending(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const data = this.#pending;
        this.#pending = [];
        this.#pendingBytes = 0;
        await this.#write(data);
      }
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      this.#pending = [];
    }
    this.#writing = undefined;
  }

  async #write(data: readonly Buffer[]): Promise<void> {
    for (let rest = data; rest.length > 0;) {
      const writable = await this.#segmentToWrite();
      if (writable === undefined) return;
      const { head, tail } = splitBuffers(rest, writable.room);
      await writable.segment.append(head);
      this.#events.emit("change");
      rest = tail;
    }
  }

  /** A segment with room, or undefined when nobody will read it. */
  async #segmentToWrite(): Promise<{ segment: Segment; room: number } | undefined> {
    const last = this.#segments.at(-1);
    if (last !== undefined) {
      const { memoryBytes, segmentBytes } = this.#limits;
      const room = (last instanceof MemorySegment ? memoryBytes : segmentBytes) - last.length;
      if (room > 0) return this.#state === "disposed" ? undefined : { segment: last, room };
    }
    await this.#makeRoom();
    if (this.#state === "disposed") return undefined;
    await last?.finish();
    this.#segments.push(this.#newSegment());
    return this.#segmentToWrite();
  }

  #newSegment(): Segment {
    if (this.#segments.length === 0 && this.end === 0 && this.#limits.memoryBytes > 0) {
      return new MemorySegment();
    }
    return new FileSegment(this.end, `${this.#prefix}.${this.end}`, 0);
  }

  async #makeRoom(): Promise<void> {
    const { segmentBytes, retainedBytes, whenFull } = this.#limits;
    for (;;) {
      const oldest = this.#segments[0];
      if (oldest === undefined || this.#state === "disposed") return;
      if (this.end - oldest.start + segmentBytes <= retainedBytes) return;
      // A reader that lost its connection begins again some way back: two segments stay behind it.
      const isRead = oldest.start + oldest.length + 2 * segmentBytes <= this.#readTo;
      if (whenFull === "wait" && !isRead) {
        await once(this.#events, "read");
        continue;
      }
      this.#segments.shift();
      await oldest.dispose();
    }
  }
}
