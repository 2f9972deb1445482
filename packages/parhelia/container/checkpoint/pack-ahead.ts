import type { MessagePort } from "node:worker_threads";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { compress, LEVEL, store } from "./gzip.ts";

/** A smaller archive is done before a helper has started. */
const HELP_FROM_MEMBERS = 4;

/** What the helper works at, and what it does next. */
const MAX_WITH_HELPER = 2;

/** So much may wait for a member that the helper is slow with: some 16 MiB. */
const MAX_WAITING = 16;

/** The helper's thread. It has the lowest priority: it takes only what time nobody else wants. */
const HELPER = `
const { workerData: port } = require("node:worker_threads");
const { gzipSync } = require("node:zlib");
try { require("node:os").setPriority(0, 19); } catch {}
port.on("message", ({ id, data, level }) => {
  const member = globalThis.Bun
    ? Bun.gzipSync(data, { library: "libdeflate", level })
    : gzipSync(data, { level });
  port.postMessage({ id, member });
});`;

/** A member that is asked for: packed, or with the helper. */
interface Job {
  readonly rawBytes: number;
  /** What the helper has a copy of. */
  readonly data?: Uint8Array;
  member?: Uint8Array;
}

/** A member as it goes into the file. */
export interface Packed {
  readonly member: Uint8Array;
  readonly rawBytes: number;
}

/**
 * Packs the members of an archive, in the order in which they come, with the help of a second thread where a
 * processor is idle. It never waits for that: what the thread has no time for is done here, also where it
 * cannot be started.
 */
export class PackAhead {
  readonly #jobs = new Map<number, Job>();
  #next = 0;
  #withHelper = 0;
  #worker: Worker | undefined;
  #port: MessagePort | undefined;

  /** How many members have not been taken yet. */
  get length(): number {
    return this.#jobs.size;
  }

  /** Takes a content, which may be overwritten afterwards. */
  add(content: Uint8Array, isCompressed: boolean): void {
    const id = this.#next++;
    const rawBytes = content.length;
    this.#receive();
    if (isCompressed && id >= HELP_FROM_MEMBERS && this.#withHelper < MAX_WITH_HELPER) {
      const data = new Uint8Array(content);
      this.#helper().postMessage({ id, data, level: LEVEL });
      this.#withHelper += 1;
      this.#jobs.set(id, { rawBytes, data });
    } else {
      const member = isCompressed ? compress(content) : store(content);
      this.#jobs.set(id, { rawBytes, member });
    }
  }

  /** The members that can be written now; with `all`, every one. */
  *take(all = false): Generator<Packed> {
    this.#receive();
    for (const [id, job] of this.#jobs) {
      const isDue = all || this.#jobs.size > MAX_WAITING;
      const member = job.member ?? (isDue && job.data ? compress(job.data) : undefined);
      if (member === undefined) return;
      this.#jobs.delete(id);
      yield { member, rawBytes: job.rawBytes };
    }
  }

  /** Ends the thread. */
  close(): void {
    this.#port?.close();
    void this.#worker?.terminate();
  }

  #helper(): MessagePort {
    if (this.#port !== undefined) return this.#port;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(HELPER, { eval: true, workerData: port2, transferList: [port2] });
    this.#worker.on("error", () => undefined);
    this.#worker.unref();
    port1.unref();
    return port1;
  }

  /** What was done here meanwhile is not looked at again. */
  #receive(): void {
    if (this.#port === undefined) return;
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as
        { readonly message: { readonly id: number; readonly member: Uint8Array } } | undefined;
      if (received === undefined) return;
      const { id, member } = received.message;
      this.#withHelper -= 1;
      const job = this.#jobs.get(id);
      if (job !== undefined) job.member = member;
    }
  }
}
