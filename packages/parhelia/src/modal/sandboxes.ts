import {
  AlreadyExistsError,
  NotFoundError,
  Probe,
  TimeoutError,
  type Sandbox,
  type Secret,
} from "modal";
import { UserError } from "../errors.ts";
import { ENTRYPOINT, READY_MARKER_FILE } from "../../container/protocol/paths.ts";
import { VOLUME_ROOT } from "../volume/layout.ts";
import type { App, ContainerProcess, Image, Volume } from "modal";
import type { Connection } from "./connection.ts";

export type { App, ContainerProcess, Image, Sandbox, Secret, Volume };

/** Modal asks the probe this often; short, since a start takes a fraction of a second. */
const PROBE_INTERVAL_MS = 25;

/** A sandbox to be created. All of it reaches Modal as it stands. */
export interface SandboxRequest {
  /** Unique among the running sandboxes of the App. */
  readonly name: string;
  readonly app: App;
  readonly image: Image;
  readonly volume: Volume;
  readonly secrets: readonly Secret[];
  /** Reservations: a sandbox may use more where there is more. Cores, MiB. */
  readonly cpu: number;
  readonly memoryMiB: number;
  /** Hard limits. Default: none. */
  readonly cpuLimit?: number;
  readonly memoryLimitMiB?: number;
  /** GPU type and count, such as `A10G` or `A100:2`. */
  readonly gpu?: string;
  /** Regions to run in. Default: any, which is the cheapest. */
  readonly regions?: readonly string[];
  /** Lifetime in ms, in whole seconds, at most 24 h. */
  readonly timeoutMs: number;
  readonly env: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

/** A sandbox that runs, as a list shows it. */
export interface RunningSandbox {
  readonly sandboxId: string;
  readonly name: string;
  readonly createdAt: Date;
  /** Undefined until it is ready. */
  readonly readyAt?: Date;
  readonly timeoutMs: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Where it may run; none: anywhere. */
  readonly regions: readonly string[];
  /** What it reserves, in cores and MiB. */
  readonly resources: {
    readonly cpu: number;
    readonly memoryMiB: number;
    readonly gpu: string | undefined;
  };
}

/**
 * Creates a sandbox with the Parhelia volume at /vol/parhelia (SPEC-01.12) and its secrets as environment
 * variables (SPEC-01.14). It is scheduled, not ready, when this returns.
 * @throws UserError when a sandbox of that name runs
 */
export async function createSandbox(
  { client }: Connection,
  request: SandboxRequest,
): Promise<Sandbox> {
  const { name, app, image, volume, secrets, regions, env, tags, ...resources } = request;
  try {
    return await client.sandboxes.create(app, image, {
      ...resources,
      name,
      command: [ENTRYPOINT],
      volumes: { [VOLUME_ROOT]: volume },
      secrets: [...secrets],
      env: { ...env },
      tags: { ...tags },
      ...(regions === undefined ? {} : { regions: [...regions] }),
      readinessProbe: Probe.withExec(["test", "-f", READY_MARKER_FILE], {
        intervalMs: PROBE_INTERVAL_MS,
      }),
    });
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
    throw new UserError(`a session named ${name} is already running`, {
      hint: `parhelia attach ${name}, or parhelia stop ${name}, or choose another name`,
      cause: error,
    });
  }
}

/** The newest sandbox of a name: one that runs, or, when asked for, one that has ended. */
export async function findSandbox(
  { client, appName }: Connection,
  name: string,
  { includeEnded = false } = {},
): Promise<Sandbox | undefined> {
  try {
    return await client.sandboxes.fromName(appName, name, { includeTerminated: includeEnded });
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/**
 * Everything that runs in the App, newest first. Through the SDK's own client, because its `list` drops
 * all that a list is for: names, ages, tags.
 */
export async function listSandboxes({ client }: Connection, app: App): Promise<RunningSandbox[]> {
  const sandboxes: RunningSandbox[] = [];
  let beforeTimestamp = 0;
  for (;;) {
    const page = await client.cpClient.sandboxListV2({
      appId: app.appId,
      environmentName: client.environmentName(),
      includeFinished: false,
      beforeTimestamp,
      tags: [],
    });
    const last = page.sandboxes.at(-1);
    if (last === undefined) return sandboxes;
    for (const info of page.sandboxes) {
      sandboxes.push({
        sandboxId: info.id,
        name: info.name,
        createdAt: new Date(info.createdAt * 1000),
        ...(info.readyAt === undefined ? {} : { readyAt: new Date(info.readyAt * 1000) }),
        timeoutMs: info.timeoutSecs * 1000,
        tags: Object.fromEntries(info.tags.map((tag) => [tag.tagName, tag.tagValue])),
        regions: info.regions,
        resources: {
          cpu: (info.resourceInfo?.milliCpu?.value ?? 0) / 1000,
          memoryMiB: info.resourceInfo?.memoryMb?.value ?? 0,
          gpu: info.resourceInfo?.gpuType || undefined,
        },
      });
    }
    beforeTimestamp = last.createdAt;
  }
}

/** Whether the sandbox's readiness probe has succeeded, or does so within a time, in ms. */
export async function isReadyWithin(sandbox: Sandbox, timeoutMs: number): Promise<boolean> {
  try {
    await sandbox.waitUntilReady(timeoutMs);
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}

/** `GENERIC_STATUS_UNSPECIFIED`: still running. */
const UNSPECIFIED = 0 as never;

/** How long one request for the end of a sandbox is held, in s. */
const END_POLL_S = 10;

/**
 * Waits until the sandbox has ended. The SDK's own `wait` cannot be given up.
 * @throws an AbortError when the signal is aborted
 */
export async function waitForEnd(
  { client }: Connection,
  sandbox: Sandbox,
  signal: AbortSignal,
): Promise<void> {
  const request = { sandboxId: sandbox.sandboxId, timeout: END_POLL_S };
  for (;;) {
    const { result } = await client.cpClient.sandboxWaitV2(request, { signal });
    if (result !== undefined && result.status !== UNSPECIFIED) return;
  }
}
