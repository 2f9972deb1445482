import { EventEmitter, once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { ServerError, Status } from "nice-grpc";
import type { EmulatorContext } from "../context.ts";
import type { SandboxRecord, SandboxResult } from "../state/records.ts";
import { backoffMs, waitForContainerEnd, type ContainerEnd } from "./container-watch.ts";
import { isEngineGone } from "./engine-connection.ts";
import { attachToContainer } from "./engine-attach.ts";
import { ignoreStatus, withEngine } from "./engine-errors.ts";
import { OffsetWriter, socketSink, type InputSink } from "./offset-writer.ts";
import { waitUntilProbeSucceeds } from "./readiness.ts";
import { removeContainer } from "./remove-container.ts";
import { containerName, startSandboxContainer, type ContainerPlan } from "./sandbox-container.ts";
import { reloadViews, removeViews, settleViews } from "./volume-views.ts";
import { SandboxExecs } from "./sandbox-execs.ts";
import { SandboxOutput } from "./sandbox-output.ts";

/** How long a sandbox may take to end after SIGTERM, before it is killed. */
const TERMINATE_GRACE_S = 10;

/** The same at its deadline, which must hold within 5 s. */
const TIMEOUT_GRACE_S = 3;

/** How long the last output may take to arrive after the end. */
const OUTPUT_PATIENCE_MS = 2_000;

const KILLED = 128 + 9;
const TIMED_OUT = 124;

/** Directories of the state directory. */
export const OUTPUT_DIRECTORY = "logs";
export const EXEC_DIRECTORY = "execs";

/**
 * A sandbox as it lives: its container, deadline, readiness, output and commands. What must survive this
 * process is in the record and the engine.
 */
export class LiveSandbox {
  readonly id: string;
  readonly taskId: string;
  /** What is written to the standard input of the sandbox's own process. */
  readonly stdin: OffsetWriter;
  readonly output: SandboxOutput;
  readonly execs: SandboxExecs;
  readonly #context: EmulatorContext;
  readonly #containerName: string;
  readonly #events = new EventEmitter().setMaxListeners(0);
  /** Aborted when there is nothing more to watch: the sandbox has ended, or this process ends. */
  readonly #over = new AbortController();
  #deadline: NodeJS.Timeout | undefined;
  #stdinSocket: { destroy(): unknown } | undefined;

  constructor(context: EmulatorContext, record: SandboxRecord) {
    this.#context = context;
    this.id = record.id;
    this.taskId = record.taskId;
    this.#containerName = containerName(context.store.credentials.instance, record.id);
    this.stdin = new OffsetWriter(() => this.#attachStdin());
    this.output = new SandboxOutput(
      context.store.path(OUTPUT_DIRECTORY),
      record.id,
      record.result !== undefined,
    );
    this.execs = new SandboxExecs({
      engine: context.engine,
      containerName: this.#containerName,
      spoolDirectory: context.store.path(EXEC_DIRECTORY),
      log: context.log,
    });
  }

  get record(): SandboxRecord {
    const record = this.#context.store.sandboxes.get(this.id);
    if (record === undefined) throw new Error(`sandbox ${this.id} has no record`);
    return record;
  }

  /**
   * Starts the sandbox's container.
   * @throws ServerError where it cannot be started; nothing is left behind then
   */
  async launch(plan: ContainerPlan): Promise<void> {
    const socket = await withEngine(this.#context.engine, (engine) =>
      startSandboxContainer(this.#context.store, engine, plan),
    );
    this.output.follow(socket, plan.isTerminal);
    this.#beginWatching(true);
  }

  /** Takes over the sandbox of an earlier process. */
  takeOver(): void {
    this.output.discard();
    this.#beginWatching(false);
  }

  /** Ends the sandbox: SIGTERM, some time, SIGKILL. Returns at once; content with one that has ended. */
  end(ending: "terminated" | "timeout"): void {
    const { result, ending: earlier } = this.record;
    if (result !== undefined || earlier !== undefined) return;
    this.#context.store.sandboxes.update(this.id, { ending });
    void this.#stop(ending);
  }

  /**
   * Commits what the sandbox changed in its volumes, then loads what others committed.
   * @throws ServerError FAILED_PRECONDITION where that failed
   */
  async reloadVolumes(): Promise<void> {
    // Mounted directly, they are the same files in every sandbox: there is nothing to load.
    if (!this.record.hasViews) return;
    await withEngine(this.#context.engine, ({ docker }) =>
      reloadViews(docker, this.#instance, this.id),
    );
  }

  /**
   * Waits for the end.
   * @throws AbortError when `signal` is aborted first
   */
  async waitForEnd(signal: AbortSignal): Promise<SandboxResult> {
    for (;;) {
      const { result } = this.record;
      if (result !== undefined) return result;
      await once(this.#events, "ended", { signal });
    }
  }

  /**
   * Waits until the readiness probe has succeeded.
   * @returns when it first did, in milliseconds since 1970
   * @throws ServerError FAILED_PRECONDITION when the sandbox has no probe, or ends first;
   * AbortError when `signal` is aborted first
   */
  async waitUntilReady(signal: AbortSignal): Promise<number> {
    for (;;) {
      const { readyAtMs, result, definition } = this.record;
      if (readyAtMs !== undefined) return readyAtMs;
      if (definition.readinessProbe === undefined) {
        throw new ServerError(
          Status.FAILED_PRECONDITION,
          `Sandbox ${this.id} has no readiness probe: create it with readinessProbe`,
        );
      }
      if (result !== undefined) {
        throw new ServerError(
          Status.FAILED_PRECONDITION,
          `Sandbox ${this.id} ended before it was ready: ${result.reason}`,
        );
      }
      await once(this.#events, "change", { signal });
    }
  }

  /** Lets go of the sandbox, which goes on. */
  close(): void {
    clearTimeout(this.#deadline);
    this.#over.abort();
    this.output.release();
    this.#stdinSocket?.destroy();
    void this.execs.close();
  }

  #beginWatching(isStarted: boolean): void {
    const { deadlineMs, readyAtMs, definition, ending } = this.record;
    this.#deadline = setTimeout(() => this.end("timeout"), Math.max(0, deadlineMs - Date.now()));
    if (definition.readinessProbe !== undefined && readyAtMs === undefined) void this.#watchReady();
    void this.#watchEnd(isStarted);
    if (ending !== undefined) void this.#stop(ending);
  }

  async #watchReady(): Promise<void> {
    const { readinessProbe } = this.record.definition;
    if (readinessProbe === undefined) return;
    const { signal } = this.#over;
    try {
      const { engine } = this.#context;
      await waitUntilProbeSucceeds(engine, this.#containerName, readinessProbe, signal);
      this.#context.store.sandboxes.update(this.id, { readyAtMs: Date.now() });
      this.#events.emit("change");
    } catch {
      // It has ended, or this process ends.
    }
  }

  async #watchEnd(isStarted: boolean): Promise<void> {
    const { engine } = this.#context;
    const isTerminal = this.record.definition.ptyInfo?.enabled ?? false;
    const followOutput = (docker: Parameters<SandboxOutput["followLog"]>[0]) =>
      this.output.followLog(docker, this.#containerName, isTerminal);
    const { signal } = this.#over;
    try {
      const end = await waitForContainerEnd(
        engine,
        this.#containerName,
        isStarted,
        followOutput,
        signal,
      );
      if (end.kind === "exited" && !isStarted) followOutput((await engine.get()).docker);
      await this.#finish(end);
    } catch (error) {
      if (!signal.aborted) this.#context.log(`sandbox ${this.id}: ${String(error)}`);
    }
  }

  async #finish(end: ContainerEnd): Promise<void> {
    const { record } = this;
    await this.#settleViews(end);
    this.#context.store.sandboxes.update(this.id, { result: resultOf(end, record) });
    clearTimeout(this.#deadline);
    this.#over.abort();
    this.#events.emit("ended");
    this.#events.emit("change");
    this.execs.sandboxEnded();
    await this.output.close(OUTPUT_PATIENCE_MS);
    // Left behind when the engine goes away now, and removed at the next start.
    const { docker } = await this.#context.engine.get();
    await removeContainer(docker, this.#containerName);
    if (record.hasViews) await removeViews(docker, this.#instance, (id) => id !== this.id);
  }

  /** The last commit of the sandbox's volumes, through restarts of the engine. */
  async #settleViews(end: ContainerEnd): Promise<void> {
    const { hasViews, ending } = this.record;
    if (!hasViews) return;
    const { signal } = this.#over;
    let commit = ending !== undefined || endedItself(end);
    for (let failures = 0; ; failures++) {
      try {
        const { docker } = await this.#context.engine.get();
        await settleViews(docker, this.#instance, this.id, { commit });
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ServerError) {
          this.#context.log(`sandbox ${this.id}: ${error.details}`);
          commit = false; // as it is now, it would fail again
        }
        if (isEngineGone(error)) this.#context.engine.forget();
        await delay(backoffMs(failures), undefined, { signal });
      }
    }
  }

  get #instance(): string {
    return this.#context.store.credentials.instance;
  }

  async #stop(ending: "terminated" | "timeout"): Promise<void> {
    const { signal } = this.#over;
    const graceS = ending === "timeout" ? TIMEOUT_GRACE_S : TERMINATE_GRACE_S;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await withEngine(this.#context.engine, ({ docker }) =>
          // 304 and 404: it has ended already.
          ignoreStatus([304, 404], docker.getContainer(this.#containerName).stop({ t: graceS })),
        );
        return;
      } catch {
        await delay(backoffMs(failures), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #attachStdin(): Promise<InputSink> {
    return withEngine(this.#context.engine, async ({ docker }) => {
      const container = docker.getContainer(this.#containerName);
      const socket = await attachToContainer(container, "input");
      socket.resume();
      this.#stdinSocket = socket;
      return socketSink(socket, this.record.definition.ptyInfo?.enabled ?? false);
    });
  }
}

/** Whether the sandbox's command came to its end, rather than being killed: Modal commits only then. */
function endedItself(end: ContainerEnd): boolean {
  return end.kind === "exited" && !end.outOfMemory && end.exitCode !== KILLED;
}

function resultOf(end: ContainerEnd, record: SandboxRecord): SandboxResult {
  const endedAtMs = Date.now();
  if (record.ending === "terminated") {
    return { outcome: "terminated", exitCode: KILLED, endedAtMs, reason: "it was terminated" };
  }
  if (record.ending === "timeout") {
    const reason = `it reached its timeout of ${record.definition.timeoutSecs} s`;
    return { outcome: "timeout", exitCode: TIMED_OUT, endedAtMs, reason };
  }
  switch (end.kind) {
    case "exited": {
      const { exitCode, outOfMemory } = end;
      const reason = outOfMemory ? "it ran out of memory" : `its command ended with ${exitCode}`;
      return { outcome: "exited", exitCode, endedAtMs, reason };
    }
    case "never-started":
      return { outcome: "lost", exitCode: KILLED, endedAtMs, reason: "it was never started" };
    case "missing":
      return {
        outcome: "lost",
        exitCode: KILLED,
        endedAtMs,
        reason: "its container was removed from the engine by something else",
      };
  }
}
