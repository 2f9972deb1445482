import {
  AlreadyExistsError,
  ExperimentalOutboundPolicy,
  NotFoundError,
  Probe,
  TimeoutError,
  type Sandbox,
  type Secret,
} from "modal";
import { UserError } from "../errors.ts";
import { ENTRYPOINT, READY_MARKER_FILE } from "../../container/protocol/paths.ts";
import type { NetworkRules } from "../config/config.ts";
import { VOLUME_ROOT } from "../volume/layout.ts";
import type { App, ContainerProcess, Image, Volume } from "modal";
import type { Connection } from "./connection.ts";
import { SESSION_TAG } from "./tags.ts";
import { grpcStatus, NOT_FOUND } from "./errors.ts";

export type { App, ContainerProcess, Image, Sandbox, Secret, Volume };

/** Modal asks the probe this often; short, since a start takes a fraction of a second. */
const PROBE_INTERVAL_MS = 25;

/** A sandbox to be created. All of it reaches Modal as it stands. */
export interface SandboxRequest {
  /** Unique among the running sandboxes of the App; left out: none. */
  readonly name?: string;
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
  /** What it may reach. Default: everything. */
  readonly network?: NetworkRules;
  /** A secret whose ANTHROPIC_API_KEY Modal puts into requests, and the sandbox does not have. */
  readonly proxiedApiKey?: Secret;
}

/** A sandbox that runs, as a list shows it. */
export interface RunningSandbox {
  readonly sandboxId: string;
  readonly appId: string;
  /** Of its session; empty where it is none's. */
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
  const { name, app, image, volume, secrets, regions, env, tags, ...rest } = request;
  const { network, proxiedApiKey, ...resources } = rest;
  try {
    return await client.sandboxes.create(app, image, {
      ...resources,
      ...(name === undefined ? {} : { name }),
      command: [ENTRYPOINT],
      volumes: { [VOLUME_ROOT]: volume },
      secrets: [...secrets],
      env: { ...env },
      tags: { ...tags },
      ...(regions === undefined ? {} : { regions: [...regions] }),
      ...networkParameters(network),
      ...(proxiedApiKey === undefined
        ? {}
        : { experimentalOutboundPolicy: apiKeyPolicy(proxiedApiKey) }),
      readinessProbe: Probe.withExec(["test", "-f", READY_MARKER_FILE], {
        intervalMs: PROBE_INTERVAL_MS,
      }),
    });
  } catch (error) {
    if (!(error instanceof AlreadyExistsError) || name === undefined) throw error;
    throw alreadyRunning(name, error);
  }
}

/** The name of a session is taken. */
export function alreadyRunning(name: string, cause?: unknown): UserError {
  return new UserError(`a session named ${name} is already running`, {
    hint: `parhelia attach ${name}, or parhelia stop ${name}, or choose another name`,
    cause,
  });
}

/**
 * Names a sandbox that runs and has no name yet; one of V1 keeps none, and is found by its tag.
 * @throws UserError when a sandbox of that name runs
 */
export async function nameSandbox(sandbox: Sandbox, name: string): Promise<void> {
  if (isOfV1(sandbox)) return;
  try {
    await sandbox.experimentalSetName(name);
  } catch (error) {
    throw error instanceof AlreadyExistsError ? alreadyRunning(name, error) : error;
  }
}

/** As the SDK takes them: an empty list would be one that allows nothing. */
function networkParameters(network: NetworkRules | undefined) {
  if (network === undefined) return {};
  const { block, allowDomains, allowCidrs } = network;
  return {
    ...(block ? { blockNetwork: true } : {}),
    ...(allowDomains === undefined ? {} : { outboundDomainAllowlist: [...allowDomains] }),
    ...(allowCidrs === undefined ? {} : { outboundCidrAllowlist: [...allowCidrs] }),
  };
}

/** Modal's proxy puts the key of the secret in the place of whatever Claude Code sends. */
function apiKeyPolicy(secret: Secret): ExperimentalOutboundPolicy {
  return new ExperimentalOutboundPolicy().withHeaderReplacement({
    domain: "api.anthropic.com",
    headers: { "x-api-key": "$ANTHROPIC_API_KEY" },
    secret,
  });
}

/**
 * The newest sandbox of a session: one that runs, or, when asked for, one that has ended. By its name, or, since
 * a prepared sandbox of V1 that became a session's has none, by its tag.
 */
export async function findSandbox(
  connection: Connection,
  name: string,
  { includeEnded = false } = {},
): Promise<Sandbox | undefined> {
  const { client, appName } = connection;
  const running =
    (await orUndefined(client.sandboxes.fromName(appName, name))) ??
    (await findByTag(connection, name, { includeEnded: false }));
  if (running !== undefined || !includeEnded) return running;
  const ended = await orUndefined(
    client.sandboxes.fromName(appName, name, { includeTerminated: true }),
  );
  return (
    ended ??
    (await orUndefined(findEndedGpuSandbox(connection, name))) ??
    findByTag(connection, name, { includeEnded: true })
  );
}

async function findByTag(
  { client, appName }: Connection,
  name: string,
  { includeEnded }: { readonly includeEnded: boolean },
): Promise<Sandbox | undefined> {
  const app = await orUndefined(client.apps.fromName(appName));
  if (app === undefined) return undefined;
  const { sandboxes } = await client.cpClient.sandboxListV2({
    ...listRequest(client, app, { [SESSION_TAG]: name }),
    includeFinished: includeEnded,
  });
  const [newest] = sandboxes;
  return newest && client.sandboxes.fromId(newest.id);
}

function listRequest(
  client: Connection["client"],
  app: App | undefined,
  tags: Readonly<Record<string, string>>,
) {
  return {
    appId: app?.appId ?? "",
    environmentName: client.environmentName(),
    includeFinished: false,
    beforeTimestamp: 0,
    tags: Object.entries(tags).map(([tagName, tagValue]) => ({ tagName, tagValue })),
  };
}

/** Asked to include ended ones, the SDK looks at the V2 backend alone; GPUs are V1's. */
async function findEndedGpuSandbox({ client, appName }: Connection, name: string) {
  const { sandboxId } = await client.cpClient.sandboxGetFromName({
    sandboxName: name,
    appName,
    environmentName: client.environmentName(),
    includeTerminated: true,
  });
  return client.sandboxes.fromId(sandboxId);
}

/** What was found, or undefined where the answer is that there is none. */
async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof NotFoundError || grpcStatus(error) === NOT_FOUND) return undefined;
    throw error;
  }
}

export interface SandboxQuery {
  /** Those that have all of these. Default: any. */
  readonly tags?: Readonly<Record<string, string>>;
  /** A page with fewer is taken for the last one, which saves a request. Default: 1. */
  readonly leastPage?: number;
}

/**
 * Everything that runs in the App, or in all Apps of the environment, newest first. Through the SDK's own
 * client, because its `list` drops all that a list is for: names, ages, tags.
 */
export async function listSandboxes(
  { client }: Connection,
  app: App | undefined,
  { tags = {}, leastPage = 1 }: SandboxQuery = {},
): Promise<RunningSandbox[]> {
  const sandboxes: RunningSandbox[] = [];
  let beforeTimestamp = 0;
  for (;;) {
    const page = await client.cpClient.sandboxListV2({
      ...listRequest(client, app, tags),
      beforeTimestamp,
    });
    sandboxes.push(...page.sandboxes.map(runningSandbox));
    const last = page.sandboxes.at(-1);
    if (last === undefined || page.sandboxes.length < leastPage) return sandboxes;
    beforeTimestamp = last.createdAt;
  }
}

type SandboxInfo = Awaited<
  ReturnType<Connection["client"]["cpClient"]["sandboxListV2"]>
>["sandboxes"][number];

function runningSandbox(info: SandboxInfo): RunningSandbox {
  const tags = Object.fromEntries(info.tags.map((tag) => [tag.tagName, tag.tagValue]));
  return {
    sandboxId: info.id,
    appId: info.appId,
    name: info.name || (tags[SESSION_TAG] ?? ""),
    createdAt: new Date(info.createdAt * 1000),
    ...(info.readyAt === undefined ? {} : { readyAt: new Date(info.readyAt * 1000) }),
    timeoutMs: info.timeoutSecs * 1000,
    tags,
    regions: info.regions,
    resources: {
      cpu: (info.resourceInfo?.milliCpu?.value ?? 0) / 1000,
      memoryMiB: info.resourceInfo?.memoryMb?.value ?? 0,
      gpu: info.resourceInfo?.gpuType || undefined,
    },
  };
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
    const { result } = isOfV1(sandbox)
      ? await client.cpClient.sandboxWait(request, { signal })
      : await client.cpClient.sandboxWaitV2(request, { signal });
    if (result !== undefined && result.status !== UNSPECIFIED) return;
  }
}

/** Whether the sandbox is of Modal's older backend, as those with a GPU are; the SDK's own rule. */
export function isOfV1({ sandboxId }: { readonly sandboxId: string }): boolean {
  return /^sb-[0-9A-Za-z]{22}$/.test(sandboxId);
}
