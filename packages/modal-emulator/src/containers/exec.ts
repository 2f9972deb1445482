import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ServerError, Status } from "nice-grpc";
import type { EngineConnection } from "./engine-connection.ts";
import { engineMessage, withEngine } from "./engine-errors.ts";
import {
  inspectEngineExec,
  startEngineExec,
  type EngineExec,
  type EngineExecState,
} from "./engine-exec.ts";
import { killProcess, withoutAnnouncement, withPrologue } from "./exec-prologue.ts";
import { OffsetWriter, socketSink } from "./offset-writer.ts";
import { Spool, type SpoolLimits } from "./spool.ts";
import { demultiplex, terminalOutput, type OutputChunk, type OutputFd } from "./stdio.ts";

/** What becomes of one of a process's outputs: kept for readers, thrown away, or standard error among standard output. */
export type OutputDestination = "pipe" | "ignore" | "stdout";

/** A command to run in a sandbox. */
export interface ExecRequest {
  readonly command: readonly string[];
  /** Added to the container's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: the container's own. */
  readonly workdir: string | undefined;
  readonly stdout: OutputDestination;
  readonly stderr: OutputDestination;
  /** Default: no limit. */
  readonly timeoutMs: number | undefined;
  /** A terminal of this size; with it all output is standard output. */
  readonly terminal: { readonly rows: number; readonly columns: number } | undefined;
}

/** Where commands run and where their output is kept. */
export interface ExecPlace {
  readonly engine: EngineConnection;
  readonly containerName: string;
  /** Directory for output. */
  readonly spoolDirectory: string;
  readonly log: (line: string) => void;
}

/** Readable as a whole up to the SDK's own largest read of 5 GB; a writer further ahead waits for its reader. */
const OUTPUT_LIMITS: SpoolLimits = {
  memoryBytes: 64 * 1024,
  segmentBytes: 64 * 1024 * 1024,
  retainedBytes: 6 * 1024 * 1024 * 1024,
  whenFull: "wait",
};

const KILLED = 128 + 9;

/** The SDK stops reading at its own clock's deadline: the end must have reached it before that. */
const TIMEOUT_HEAD_START_MS = 20;

/** Longer than any sandbox lives; a longer timer would go off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How often to look whether a process ended that somebody waits for and whose output stays open. */
const LOOK_SHORTEST_MS = 100;
const LOOK_LONGEST_MS = 2_000;

/** The engines that can give a terminal its size when they start a command. */
const CONSOLE_SIZE_API_VERSION = 1.42;

/** How the engine begins its own message about a command that it could not start. */
const START_FAILURE = "OCI runtime exec failed";

/**
 * A command in a sandbox: its output goes to files as it comes, so that it never waits for its readers,
 * and can be read from any offset, also after it has ended.
 */
export class Exec {
  readonly stdin: OffsetWriter;
  /** Resolves once the process has ended and all of its output is here; never rejects. */
  readonly finished: Promise<void>;
  readonly #place: ExecPlace;
  readonly #request: ExecRequest;
  readonly #engineExec: EngineExec;
  readonly #spools: readonly [Spool, Spool];
  /** The process id in the container, of a command with a time limit. */
  readonly #pid = Promise.withResolvers<number | undefined>();
  readonly #startedAtMs = Date.now();
  readonly #events = new EventEmitter().setMaxListeners(0);
  #outcome: number | Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(place: ExecPlace, request: ExecRequest, engineExec: EngineExec) {
    this.#place = place;
    this.#request = request;
    this.#engineExec = engineExec;
    const spoolName = join(place.spoolDirectory, randomUUID());
    const isTerminal = request.terminal !== undefined;
    this.stdin = new OffsetWriter(() => Promise.resolve(socketSink(engineExec.socket, isTerminal)));
    this.#spools = [
      new Spool(`${spoolName}.stdout`, OUTPUT_LIMITS),
      new Spool(`${spoolName}.stderr`, OUTPUT_LIMITS),
    ];
    if (request.timeoutMs !== undefined) {
      const timeoutMs = Math.min(LONGEST_TIMER_MS, request.timeoutMs - TIMEOUT_HEAD_START_MS);
      this.#timer = setTimeout(() => void this.#timeOut(), timeoutMs);
    }
    this.finished = this.#pump();
  }

  /**
   * Starts the command. A command that does not exist or may not be run is no error here: it ends with
   * 127 or 126, and the reason on its standard error, as in a shell.
   * @throws ServerError FAILED_PRECONDITION when the engine is gone or the container does not run
   */
  static async start(place: ExecPlace, request: ExecRequest): Promise<Exec> {
    const { command, env, terminal, timeoutMs, workdir } = request;
    const engineExec = await withEngine(place.engine, ({ docker, apiVersion }) =>
      startEngineExec(docker, place.containerName, {
        Cmd: withPrologue(command, {
          announcePid: timeoutMs !== undefined,
          terminalSize: Number(apiVersion) < CONSOLE_SIZE_API_VERSION ? terminal : undefined,
        }),
        Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
        Tty: terminal !== undefined,
        ...(workdir === undefined ? {} : { WorkingDir: workdir }),
        ...(terminal === undefined ? {} : { ConsoleSize: [terminal.rows, terminal.columns] }),
      }),
    );
    return new Exec(place, request, engineExec);
  }

  /** The exit status as a shell reports it, 128 and the number of a signal; undefined while it runs. */
  poll(): number | undefined {
    if (this.#outcome instanceof Error) throw this.#outcome;
    return this.#outcome;
  }

  /**
   * Waits for the process itself, also where a child of it keeps its output open.
   * @throws AbortError when `signal` is aborted, ServerError when the engine lost sight of the process
   */
  async wait(signal: AbortSignal): Promise<number> {
    for (;;) {
      const exitCode = this.poll();
      if (exitCode !== undefined) return exitCode;
      const elapsedMs = Date.now() - this.#startedAtMs;
      const lookInMs = Math.min(LOOK_LONGEST_MS, Math.max(LOOK_SHORTEST_MS, elapsedMs / 10));
      const look = AbortSignal.timeout(Math.ceil(lookInMs));
      try {
        await once(this.#events, "settled", { signal: AbortSignal.any([signal, look]) });
      } catch (error) {
        if (!look.aborted || signal.aborted) throw error;
        await this.#look().catch(() => undefined); // the end of the stream tells as well
      }
    }
  }

  /** The output from `offset` to its end; waits for more while the process has it open. */
  async *read(fd: OutputFd, offset: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    for await (const { data } of this.#spools[fd].read(offset, signal)) yield data;
  }

  /** Forgets the output, and a process that still runs. */
  async dispose(): Promise<void> {
    clearTimeout(this.#timer);
    this.#engineExec.socket.destroy();
    await Promise.all(this.#spools.map((spool) => spool.dispose()));
  }

  #isSettled(): boolean {
    return this.#outcome !== undefined;
  }

  async #pump(): Promise<void> {
    const { socket } = this.#engineExec;
    const { terminal, stderr } = this.#request;
    if (terminal !== undefined || stderr !== "pipe") void this.#spools[1].close();
    let failure: Error | undefined;
    try {
      for await (const chunk of this.#output()) await this.#keep(chunk);
    } catch (error) {
      failure = lost("the command's output", error);
      socket.destroy();
    }
    this.#closeSpools(failure);
    await this.#settleWithoutOutput();
  }

  #output(): AsyncIterable<OutputChunk> {
    const { socket } = this.#engineExec;
    const { terminal, timeoutMs } = this.#request;
    const chunks = terminal === undefined ? demultiplex(socket) : terminalOutput(socket);
    return timeoutMs === undefined ? chunks : withoutAnnouncement(chunks, this.#pid.resolve);
  }

  async #keep({ fd, data }: OutputChunk): Promise<void> {
    const destination = fd === 0 ? this.#request.stdout : this.#request.stderr;
    if (data.subarray(0, START_FAILURE.length).toString() === START_FAILURE) {
      const status = await this.#startFailure(data.toString());
      if (status !== undefined) {
        if (this.#request.stderr === "pipe") await this.#spools[1].append(data);
        this.#settle(status);
        return;
      }
    }
    if (destination === "ignore") return;
    await this.#spools[destination === "stdout" ? 0 : fd].append(data);
  }

  /** The status of a command that the engine says it could not start; undefined where it did start. */
  async #startFailure(message: string): Promise<number | undefined> {
    const state = await this.#inspect();
    if (state.running || state.started) return undefined;
    const isMissing = /executable file not found|no such file or directory/.test(message);
    return isMissing && !message.includes("chdir") ? 127 : 126;
  }

  /** As a rule the process has ended with its output; one that only closed it is looked at from time to time. */
  async #settleWithoutOutput(): Promise<void> {
    for (let pauseMs = 2; !this.#isSettled(); pauseMs = Math.min(1_000, pauseMs * 2)) {
      try {
        await this.#look();
      } catch (error) {
        this.#settle(lost("the command's exit status", error));
      }
      if (!this.#isSettled()) await delay(pauseMs);
    }
  }

  #closeSpools(failure: Error | undefined): void {
    for (const spool of this.#spools) void spool.close(failure);
  }

  async #look(): Promise<void> {
    const { exitCode } = await this.#inspect();
    if (exitCode !== undefined) this.#settle(exitCode);
  }

  #inspect(): Promise<EngineExecState> {
    return withEngine(this.#place.engine, () => inspectEngineExec(this.#engineExec.exec));
  }

  #settle(outcome: number | Error): void {
    if (this.#isSettled()) return;
    this.#outcome = outcome;
    clearTimeout(this.#timer);
    this.#events.emit("settled");
  }

  /** As on Modal, the process itself is killed and its children live on; what they print is not kept. */
  async #timeOut(): Promise<void> {
    if (this.#isSettled()) return;
    this.#settle(KILLED);
    this.#closeSpools(undefined);
    const { engine, containerName, log } = this.#place;
    try {
      const pid = await this.#pid.promise;
      if (pid === undefined) return; // it never began, or has ended
      await withEngine(engine, ({ docker }) => killProcess(docker, containerName, pid));
    } catch (error) {
      log(`a command that reached its time limit was not killed: ${engineMessage(error)}`);
    } finally {
      this.#engineExec.socket.destroy();
    }
  }
}

function lost(what: string, error: unknown): ServerError {
  return new ServerError(
    Status.FAILED_PRECONDITION,
    `${what} was lost: ${error instanceof ServerError ? error.details : engineMessage(error)}`,
  );
}
