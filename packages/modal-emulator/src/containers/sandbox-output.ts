import { readdirSync, rmSync } from "node:fs";
import { addAbortSignal, type Duplex } from "node:stream";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import { ServerError, Status } from "nice-grpc";
import { Spool, type SpoolLimits, type SpooledData } from "./spool.ts";
import { demultiplex, terminalOutput, type OutputChunk, type OutputFd } from "./stdio.ts";

/** As on Modal, only the most recent part of a sandbox's own output is kept: 4 MiB of each stream. */
const OUTPUT_LIMITS: SpoolLimits = {
  memoryBytes: 0, // it is to be read after this process has ended, too
  segmentBytes: 1024 * 1024,
  retainedBytes: 5 * 1024 * 1024,
  whenFull: "drop",
};

/** What a sandbox's own process prints, kept in the state directory also after the sandbox has ended. */
export class SandboxOutput {
  readonly #directory: string;
  readonly #sandboxId: string;
  readonly #isKept: boolean;
  #opened: readonly [Spool, Spool] | undefined;
  #pumping: Promise<void> | undefined;
  readonly #following = new AbortController();

  /** @param isKept the sandbox has ended, and what is there is all that there will be */
  constructor(directory: string, sandboxId: string, isKept: boolean) {
    this.#directory = directory;
    this.#sandboxId = sandboxId;
    this.#isKept = isKept;
  }

  /** Keeps what comes from a connection to the container. */
  follow(socket: Duplex, isTerminal: boolean): void {
    addAbortSignal(this.#following.signal, socket);
    this.#pumping = this.#pump(isTerminal ? terminalOutput(socket) : demultiplex(socket));
  }

  /** Forgets what an earlier process kept: the engine's own copy has it all. */
  discard(): void {
    removeOutput(this.#directory, this.#sandboxId);
  }

  /**
   * Takes up from the engine's own copy what came while nobody followed, and follows from there. Content
   * while it is followed already.
   */
  followLog(docker: Docker, containerName: string, isTerminal: boolean): void {
    this.#pumping ??= this.#pumpLog(docker, containerName, isTerminal);
  }

  /** The output from `offset` on; waits for more while the sandbox runs. */
  async *read(fd: OutputFd, offset: number, signal: AbortSignal): AsyncGenerator<SpooledData> {
    const spool = this.#spools[fd];
    // After a restart the engine's copy may have less than a reader has already had: then comes what is new.
    const shift = Math.max(0, offset - spool.end);
    let expected: number | undefined;
    for await (const { data, offset: at } of spool.read(offset - shift, signal)) {
      if (expected !== undefined && at !== expected) {
        // The SDK asks again at this status, and learns the new offset.
        throw new ServerError(Status.UNAVAILABLE, "output came faster than it was read");
      }
      expected = at + data.length;
      yield { data, offset: at + shift };
    }
  }

  /** Ends the output, as soon as all of it is here or `patienceMs` are over. */
  async close(patienceMs: number): Promise<void> {
    const allHere = new AbortController();
    const patience = delay(patienceMs, undefined, { signal: allHere.signal });
    await Promise.race([this.#pumping, patience]);
    allHere.abort();
    await patience.catch(() => undefined);
    this.release();
    await Promise.all(this.#spools.map((spool) => spool.close()));
  }

  /** Follows no longer; what is here stays. */
  release(): void {
    this.#following.abort();
  }

  /** Removes what is kept. */
  async dispose(): Promise<void> {
    await Promise.all(this.#spools.map((spool) => spool.dispose()));
    removeOutput(this.#directory, this.#sandboxId);
  }

  get #spools(): readonly [Spool, Spool] {
    const open = (stream: string) => {
      const prefix = join(this.#directory, `${this.#sandboxId}.${stream}`);
      return this.#isKept ? Spool.reopen(prefix, OUTPUT_LIMITS) : new Spool(prefix, OUTPUT_LIMITS);
    };
    return (this.#opened ??= [open("stdout"), open("stderr")]);
  }

  async #pumpLog(docker: Docker, containerName: string, isTerminal: boolean): Promise<void> {
    try {
      const log = (await docker.getContainer(containerName).logs({
        follow: true,
        stdout: true,
        stderr: true,
        abortSignal: this.#following.signal,
      })) as unknown as AsyncIterable<Buffer>;
      const skip: [number, number] = [this.#spools[0].end, this.#spools[1].end];
      await this.#pump(skipBytes(isTerminal ? terminalOutput(log) : demultiplex(log), skip));
    } catch {
      this.#pumping = undefined; // the engine is away: whoever watches it calls again
    }
  }

  async #pump(chunks: AsyncIterable<OutputChunk>): Promise<void> {
    try {
      for await (const { fd, data } of chunks) await this.#spools[fd].append(data);
    } catch {
      // The connection broke, or the disk is full: what is here stays, the sandbox itself goes on.
    }
    this.#pumping = undefined;
  }
}

/** Removes what is kept of a sandbox's output. */
function removeOutput(directory: string, sandboxId: string): void {
  for (const file of readdirSync(directory)) {
    if (file.startsWith(`${sandboxId}.`)) rmSync(join(directory, file), { force: true });
  }
}

async function* skipBytes(
  chunks: AsyncIterable<OutputChunk>,
  skip: [number, number],
): AsyncGenerator<OutputChunk> {
  for await (const { fd, data } of chunks) {
    const rest = data.subarray(skip[fd]);
    skip[fd] -= data.length - rest.length;
    if (rest.length > 0) yield { fd, data: rest };
  }
}
