import { mkdirSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import { ServerError, Status } from "nice-grpc";
import type { EmulatorContext } from "../context.ts";
import type { Sandbox } from "../generated/modal_client.ts";
import {
  backendOf,
  newIdentifier,
  newSandboxId,
  type SandboxBackend,
} from "../state/identifiers.ts";
import type { FunctionInputRecord, SandboxRecord } from "../state/records.ts";
import { backoffMs } from "./container-watch.ts";
import { withEngine } from "./engine-errors.ts";
import { INSTANCE_LABEL, KIND_LABEL, SANDBOX_LABEL } from "./labels.ts";
import { EXEC_DIRECTORY, LiveSandbox, OUTPUT_DIRECTORY } from "./live-sandbox.ts";
import { removeViews } from "./volume-views.ts";
import { removeContainer } from "./remove-container.ts";
import type { ContainerPlan } from "./sandbox-container.ts";

/** What a new sandbox is to be. */
export interface NewSandbox {
  readonly backend: SandboxBackend;
  readonly appId: string;
  /** For messages. */
  readonly appName: string;
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Without the values of secrets. */
  readonly definition: Sandbox;
  /** A repeated request has the key of the first one; empty for none. */
  readonly idempotencyKey: string;
  readonly timeoutMs: number;
  readonly functionInput?: FunctionInputRecord;
  readonly plan: Omit<ContainerPlan, "sandboxId">;
}

/** Ended sandboxes are remembered this long, and at most so many of them. */
const REMEMBER_MS = 7 * 24 * 60 * 60 * 1000;
const REMEMBER_COUNT = 500;

/** How long a sandbox's container may be there after its end: the last output is read from it. */
const ENDING_MS = 5_000;

const SECOND_LOOK_MS = 15_000;

/** A sandbox that nobody has asked to end. */
export function isRunning(record: SandboxRecord): boolean {
  return record.result === undefined && record.ending === undefined;
}

/** All sandboxes of a state directory, running and remembered. */
export class Sandboxes {
  readonly #context: EmulatorContext;
  readonly #live = new Map<string, LiveSandbox>();
  readonly #creating = new Map<string, { sandbox: Promise<LiveSandbox>; callers: number }>();
  readonly #closing = new AbortController();
  #lastCreatedAtMs = 0;

  constructor(context: EmulatorContext) {
    this.#context = context;
    const { store } = context;
    mkdirSync(store.path(OUTPUT_DIRECTORY), { recursive: true, mode: 0o700 });
    // Output of an earlier process's commands: nobody can ask for it any more.
    rmSync(store.path(EXEC_DIRECTORY), { recursive: true, force: true });
    mkdirSync(store.path(EXEC_DIRECTORY), { mode: 0o700 });
    for (const record of store.sandboxes.values()) {
      this.#live.set(record.id, new LiveSandbox(context, record));
    }
  }

  /**
   * Takes over the sandboxes that an earlier process left running: watches them, holds their deadlines, and
   * removes containers that no running sandbox has. Resolves when this is done or the emulator closes.
   */
  async recover(): Promise<void> {
    for (const sandbox of this.#live.values()) {
      if (sandbox.record.result === undefined) sandbox.takeOver();
    }
    this.#forgetOld();
    const { signal } = this.#closing;
    try {
      await this.#removeStrayContainers(signal);
      // The engine may still be making a container that the earlier process asked for.
      await delay(SECOND_LOOK_MS, undefined, { signal });
      await this.#removeStrayContainers(signal);
    } catch (error) {
      if (!signal.aborted) this.#context.log(`recovery: ${String(error)}`);
    }
  }

  /**
   * Creates and starts a sandbox. A repeated request gets the sandbox of the first one. Where the caller
   * has gone meanwhile (`signal`), the sandbox ends: nobody knows of it.
   * @throws ServerError ALREADY_EXISTS when a running sandbox of the App has the name
   */
  async create(request: NewSandbox, signal: AbortSignal): Promise<LiveSandbox> {
    const { idempotencyKey: key } = request;
    const existing = this.#find((r) => key !== "" && r.idempotencyKey === key && isRunning(r));
    const creating = this.#creating.get(key);
    if (creating !== undefined) {
      creating.callers++;
      return creating.sandbox;
    }
    if (existing !== undefined) return existing;
    const sandbox = this.#create(request);
    if (key === "") return sandbox;
    const entry = { sandbox, callers: 1 };
    this.#creating.set(key, entry);
    try {
      const created = await sandbox;
      if (signal.aborted && entry.callers === 1) created.end("terminated");
      return created;
    } finally {
      this.#creating.delete(key);
    }
  }

  /**
   * Gives a running sandbox of the V2 backend a name.
   * @throws ServerError NOT_FOUND, INVALID_ARGUMENT for one of V1, FAILED_PRECONDITION for one that has
   * ended, ALREADY_EXISTS when another running sandbox of the App has the name
   */
  rename(sandboxId: string, name: string): void {
    const { record } = this.get(sandboxId);
    const refuse = (status: Status, why: string) => {
      throw new ServerError(status, `Sandbox '${sandboxId}' ${why}`);
    };
    if (backendOf(sandboxId) === "V1") {
      refuse(Status.INVALID_ARGUMENT, "is of the V1 backend: it can not be named");
    }
    if (!isRunning(record)) refuse(Status.FAILED_PRECONDITION, "has ended");
    if (record.name === name) return;
    const { store } = this.#context;
    const appName = store.apps.get(record.appId)?.name ?? record.appId;
    this.#refuseTakenName({ appId: record.appId, appName, name });
    store.sandboxes.update(sandboxId, { name });
  }

  /** @throws ServerError NOT_FOUND */
  get(sandboxId: string): LiveSandbox {
    const sandbox = this.#live.get(sandboxId);
    if (sandbox === undefined) {
      throw new ServerError(Status.NOT_FOUND, `Sandbox '${sandboxId}' not found`);
    }
    return sandbox;
  }

  /** @throws ServerError NOT_FOUND */
  byTask(taskId: string): LiveSandbox {
    const sandbox = this.#find((record) => record.taskId === taskId);
    if (sandbox === undefined) {
      throw new ServerError(Status.NOT_FOUND, `Task '${taskId}' not found`);
    }
    return sandbox;
  }

  /** Records, newest first. Two never have the same time. */
  records(): SandboxRecord[] {
    return this.#context.store.sandboxes.values().sort((a, b) => b.createdAtMs - a.createdAtMs);
  }

  /** Lets go of all sandboxes, which go on without this process. */
  close(): void {
    this.#closing.abort();
    for (const sandbox of this.#live.values()) sandbox.close();
  }

  async #create(request: NewSandbox): Promise<LiveSandbox> {
    this.#refuseTakenName(request);
    const { store } = this.#context;
    const createdAtMs = Math.max(Date.now(), this.#lastCreatedAtMs + 1);
    this.#lastCreatedAtMs = createdAtMs;
    const { appId, name, tags, definition, idempotencyKey, timeoutMs, functionInput } = request;
    const { commitIntervalS, volumes } = request.plan;
    // Before the container, so that a container is never without a record.
    const record = store.sandboxes.put({
      id: newSandboxId(request.backend),
      taskId: newIdentifier("ta"),
      ...{ appId, name, tags, definition, idempotencyKey, createdAtMs },
      deadlineMs: createdAtMs + timeoutMs,
      ...(functionInput === undefined ? {} : { functionInput }),
      ...(commitIntervalS !== undefined && volumes.length > 0 ? { hasViews: true } : {}),
    });
    const sandbox = new LiveSandbox(this.#context, record);
    this.#live.set(record.id, sandbox);
    try {
      await sandbox.launch({ ...request.plan, sandboxId: record.id });
    } catch (error) {
      this.#forget(sandbox);
      throw error;
    }
    this.#forgetOld();
    return sandbox;
  }

  #refuseTakenName({ appId, appName, name }: Pick<NewSandbox, "appId" | "appName" | "name">): void {
    if (name === "") return;
    const holder = this.#find((r) => r.name === name && r.appId === appId && isRunning(r));
    if (holder === undefined) return;
    throw new ServerError(
      Status.ALREADY_EXISTS,
      `Sandbox with name '${name}' already exists in App '${appName}' (${holder.id})`,
    );
  }

  #find(matches: (record: SandboxRecord) => boolean): LiveSandbox | undefined {
    const record = this.#context.store.sandboxes.find(matches);
    return record === undefined ? undefined : this.#live.get(record.id);
  }

  #forget(sandbox: LiveSandbox): void {
    sandbox.close();
    sandbox.output.dispose().catch((error: unknown) => this.#context.log(String(error)));
    this.#live.delete(sandbox.id);
    this.#context.store.sandboxes.delete(sandbox.id);
  }

  #forgetOld(): void {
    const ended = this.records().filter((record) => record.result !== undefined);
    const oldBeforeMs = Date.now() - REMEMBER_MS;
    ended.forEach((record, index) => {
      const isOld = (record.result?.endedAtMs ?? 0) < oldBeforeMs;
      const sandbox = this.#live.get(record.id);
      if ((isOld || index >= REMEMBER_COUNT) && sandbox !== undefined) this.#forget(sandbox);
    });
  }

  /** Removes containers whose sandbox has ended or is unknown, as soon as the engine answers. */
  async #removeStrayContainers(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        await withEngine(this.#context.engine, ({ docker }) => this.#removeStrays(docker));
        return;
      } catch {
        await delay(backoffMs(failures), undefined, { signal });
      }
    }
  }

  async #removeStrays(docker: Docker): Promise<void> {
    const { store } = this.#context;
    const ours = [`${INSTANCE_LABEL}=${store.credentials.instance}`, `${KIND_LABEL}=sandbox`];
    const containers = await docker.listContainers({ all: true, filters: { label: ours } });
    const endedBeforeMs = Date.now() - ENDING_MS;
    const strays = containers.filter(({ Labels }) => {
      const record = store.sandboxes.get(Labels[SANDBOX_LABEL] ?? "");
      return record === undefined || (record.result?.endedAtMs ?? Infinity) < endedBeforeMs;
    });
    await Promise.all(strays.map(({ Id }) => removeContainer(docker, Id)));
    const { instance } = store.credentials;
    await removeViews(docker, instance, (id) => {
      const record = store.sandboxes.get(id);
      return record !== undefined && record.result === undefined;
    });
  }
}
