import { setTimeout as delay } from "node:timers/promises";
import { ServerError, Status } from "nice-grpc";
import type { LiveSandbox } from "../containers/live-sandbox.ts";
import type { ContainerResources } from "../containers/sandbox-container.ts";
import { isRunning, type NewSandbox, type Sandboxes } from "../containers/sandboxes.ts";
import type { VolumeBind } from "../containers/volume-views.ts";
import { environmentName, type EmulatorContext } from "../context.ts";
import {
  GenericResultGenericStatus as GenericStatus,
  type ModalClientServiceImplementation,
  type Sandbox,
  type SandboxCreateV2Request,
  type SandboxGetFromNameRequest,
  type SandboxListRequest,
  type SandboxTag,
} from "../generated/modal_client.ts";
import type { SandboxRecord, SandboxResult } from "../state/records.ts";
import { checkDefinition, hasNetwork, timeoutSeconds } from "./sandbox-definition.ts";
import { resolveEnvironment } from "./secret-environment.ts";

/** The engines that can mount a folder of a volume. */
const SUB_PATH_API_VERSION = 1.45;

const LIST_PAGE = 50;

/** The SDK asks for 10 s and repeats; a wait beyond that would only hold a connection. */
const LONGEST_WAIT_S = 50;

type SandboxMethods =
  | "sandboxCreateV2"
  | "sandboxGetTaskIdV2"
  | "sandboxGetCommandRouterAccess"
  | "sandboxWaitV2"
  | "sandboxTerminateV2"
  | "sandboxListV2"
  | "sandboxGetFromNameV2"
  | "sandboxTagsSetV2"
  | "sandboxTagsGetV2"
  | "sandboxGetFromName";

/** Sandboxes of the V2 backend: the control plane's side (SPEC-01.10, .12, .14). */
export function sandboxService(
  context: EmulatorContext,
  sandboxes: Sandboxes,
): Pick<ModalClientServiceImplementation, SandboxMethods> {
  const { store } = context;

  function commandRouterAccess({ taskId }: { readonly taskId: string }) {
    return {
      jwt: context.tokens.issue(`task:${taskId}`),
      // The SDK demands this spelling, and then dials loopback in plaintext.
      url: `https://${context.address()}`,
    };
  }

  return {
    sandboxCreateV2: async (request, { metadata, signal }) => {
      const idempotencyKey = metadata.get("x-idempotency-key") ?? "";
      const sandbox = await sandboxes.create(
        newSandbox(context, request, idempotencyKey, await context.engine.get()),
        signal,
      );
      return {
        sandboxId: sandbox.id,
        taskId: sandbox.taskId,
        metadata: { appId: request.appId },
        commandRouterAccess: commandRouterAccess(sandbox),
      };
    },

    sandboxGetTaskIdV2: (request) => {
      const { record } = sandboxes.get(request.sandboxId);
      // Also for one that has ended: its output can still be read.
      return Promise.resolve({
        taskId: record.taskId,
        ...(record.result === undefined ? {} : { taskResult: genericResult(record.result) }),
      });
    },

    sandboxGetCommandRouterAccess: ({ sandboxId, taskId }) => {
      const sandbox =
        sandboxId === undefined ? sandboxes.byTask(taskId ?? "") : sandboxes.get(sandboxId);
      return Promise.resolve({ ...commandRouterAccess(sandbox), workerIpv4Address: "127.0.0.1" });
    },

    sandboxWaitV2: async ({ sandboxId, timeout }, { signal }) => {
      const sandbox = sandboxes.get(sandboxId);
      const result = await resultWithin(sandbox, timeout, signal);
      const { appId } = sandbox.record;
      // Without a result while it runs: the SDK takes any result for the end.
      if (result === undefined) return { metadata: { appId } };
      return { result: genericResult(result), metadata: { appId, result: genericResult(result) } };
    },

    sandboxTerminateV2: (request) => {
      const sandbox = sandboxes.get(request.sandboxId);
      const { result } = sandbox.record;
      sandbox.end("terminated");
      return Promise.resolve(result === undefined ? {} : { existingResult: genericResult(result) });
    },

    sandboxListV2: (request) =>
      Promise.resolve({ sandboxes: listed(context, sandboxes, request).map(describe) }),

    sandboxGetFromNameV2: (request) => {
      const { id, appId } = namedSandbox(context, sandboxes, request);
      return Promise.resolve({ sandboxId: id, metadata: { appId } });
    },

    // What the SDK asks next: there are no sandboxes of the V1 backend.
    sandboxGetFromName: (request) => {
      throw nameNotFound(request);
    },

    sandboxTagsSetV2: (request) => {
      sandboxes.get(request.sandboxId);
      store.sandboxes.update(request.sandboxId, { tags: tagRecord(request.tags) });
      return Promise.resolve({});
    },

    sandboxTagsGetV2: (request) =>
      Promise.resolve({ tags: tagList(sandboxes.get(request.sandboxId).record.tags) }),
  };
}

/**
 * What a request asks for, checked, with all that its container needs.
 * @throws ServerError for what is not there, and for what is not served
 */
export function newSandbox(
  context: EmulatorContext,
  request: SandboxCreateV2Request,
  idempotencyKey: string,
  engine: { readonly apiVersion: string },
): NewSandbox {
  const { store } = context;
  const { definition } = request;
  if (definition === undefined) {
    throw new ServerError(Status.INVALID_ARGUMENT, "SandboxCreateV2 without a definition");
  }
  checkDefinition(definition);
  const app = store.apps.get(request.appId);
  if (app === undefined) {
    throw new ServerError(Status.NOT_FOUND, `App with ID '${request.appId}' not found`);
  }
  const timeoutSecs = timeoutSeconds(definition);
  return {
    appId: app.id,
    appName: app.name,
    name: definition.name ?? "",
    tags: tagRecord(request.tags),
    // Values of variables may be secret: they live in the container's environment only.
    definition: { ...definition, timeoutSecs, environmentVariables: undefined },
    idempotencyKey,
    timeoutMs: timeoutSecs * 1000,
    plan: {
      engineTag: engineTag(context, definition.imageId),
      command: definition.entrypointArgs,
      env: { ...terminalVariables(definition), ...environment(context, request, definition) },
      workdir: definition.workdir === "" ? undefined : definition.workdir,
      isTerminal: definition.ptyInfo?.enabled ?? false,
      hasNetwork: hasNetwork(definition),
      volumes: volumeBinds(context, definition, Number(engine.apiVersion)),
      commitIntervalS: context.commitIntervalS,
      resources: containerResources(definition),
    },
  };
}

function engineTag({ store }: EmulatorContext, imageId: string): string {
  const image = store.images.get(imageId);
  if (image === undefined) {
    throw new ServerError(Status.NOT_FOUND, `Could not find image with ID '${imageId}'`);
  }
  return image.engineTag;
}

function environment(
  { store }: EmulatorContext,
  { secretSources, ephemeralSecrets }: SandboxCreateV2Request,
  { secretIds, environmentVariables }: Sandbox,
): Record<string, string> {
  const variables = [environmentVariables?.contents ?? {}, ephemeralSecrets?.contents ?? {}];
  return resolveEnvironment(store, { secretSources, secretIds, variables });
}

function containerResources({ resources }: Sandbox): ContainerResources {
  return {
    milliCpu: resources?.milliCpu ?? 0,
    memoryMiB: resources?.memoryMb ?? 0,
    milliCpuMax: resources?.milliCpuMax ?? 0,
    memoryMiBMax: resources?.memoryMbMax ?? 0,
  };
}

/** What programs find out a terminal's abilities by. */
export function terminalVariables({ ptyInfo }: Pick<Sandbox, "ptyInfo">): Record<string, string> {
  if (!ptyInfo?.enabled) return {};
  const { envTerm, envColorterm, envTermProgram } = ptyInfo;
  const variables = { TERM: envTerm, COLORTERM: envColorterm, TERM_PROGRAM: envTermProgram };
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ""));
}

function volumeBinds(
  { store, commitIntervalS }: EmulatorContext,
  { volumeMounts }: Sandbox,
  apiVersion: number,
): VolumeBind[] {
  return volumeMounts.map(({ volumeId, mountPath, readOnly, subPath }) => {
    const volume = store.volumes.get(volumeId);
    if (volume === undefined) {
      throw new ServerError(Status.NOT_FOUND, `Volume '${volumeId}' not found`);
    }
    if (subPath && commitIntervalS === undefined && apiVersion < SUB_PATH_API_VERSION) {
      throw new ServerError(
        Status.UNIMPLEMENTED,
        `sub_path '${subPath}': this container engine (API ${apiVersion}) mounts whole volumes only; API ${SUB_PATH_API_VERSION} or newer can mount a folder of one`,
      );
    }
    return {
      engineVolume: volume.engineVolume,
      mountPath,
      readOnly,
      subPath: subPath === "" ? undefined : subPath,
    };
  });
}

/** The result within the time, otherwise undefined. @throws AbortError when the caller has gone */
export async function resultWithin(
  sandbox: LiveSandbox,
  timeoutS: number,
  signal: AbortSignal,
): Promise<SandboxResult | undefined> {
  const { result } = sandbox.record;
  if (result !== undefined || timeoutS <= 0) return result;
  const settled = new AbortController();
  const eitherSignal = AbortSignal.any([signal, settled.signal]);
  const timeoutMs = Math.min(LONGEST_WAIT_S, timeoutS) * 1000;
  try {
    return await Promise.race([
      sandbox.waitForEnd(eitherSignal),
      delay(timeoutMs, undefined, { signal: eitherSignal }),
    ]);
  } finally {
    settled.abort();
  }
}

/** As Modal says how a sandbox ended. */
export function genericResult({ outcome, exitCode, reason }: SandboxResult) {
  const status = {
    exited:
      exitCode === 0 ? GenericStatus.GENERIC_STATUS_SUCCESS : GenericStatus.GENERIC_STATUS_FAILURE,
    terminated: GenericStatus.GENERIC_STATUS_TERMINATED,
    timeout: GenericStatus.GENERIC_STATUS_TIMEOUT,
    lost: GenericStatus.GENERIC_STATUS_INTERNAL_FAILURE,
  }[outcome];
  return {
    status,
    exitcode: exitCode,
    exception: outcome === "exited" && exitCode === 0 ? "" : reason,
  };
}

function listed(
  { store }: EmulatorContext,
  sandboxes: Sandboxes,
  request: SandboxListRequest,
): SandboxRecord[] {
  const environment = environmentName(request.environmentName);
  const belongs = ({ appId }: SandboxRecord) =>
    request.appId === ""
      ? store.apps.get(appId)?.environment === environment
      : appId === request.appId;
  // Strictly before: the SDK pages with the last one's time until a page is empty.
  const isBefore = ({ createdAtMs }: SandboxRecord) =>
    request.beforeTimestamp === 0 || createdAtMs / 1000 < request.beforeTimestamp;
  return sandboxes
    .records()
    .filter((record) => record.functionInput === undefined)
    .filter((record) => request.includeFinished || isRunning(record))
    .filter((record) => belongs(record) && isBefore(record))
    .filter(({ tags }) => request.tags.every((tag) => tags[tag.tagName] === tag.tagValue))
    .slice(0, LIST_PAGE);
}

function describe(record: SandboxRecord) {
  const { definition, readyAtMs, result, appId } = record;
  return {
    id: record.id,
    createdAt: record.createdAtMs / 1000,
    appId,
    tags: tagList(record.tags),
    name: record.name,
    imageId: definition.imageId,
    resourceInfo: resourceInfo(definition),
    regions: definition.schedulerPlacement?.regions ?? [],
    timeoutSecs: definition.timeoutSecs,
    readinessProbe: definition.readinessProbe,
    ...(readyAtMs === undefined ? {} : { readyAt: readyAtMs / 1000 }),
    metadata: { appId, ...(result === undefined ? {} : { result: genericResult(result) }) },
  };
}

function resourceInfo({ resources }: Sandbox) {
  const value = (amount = 0) => ({ value: amount, isDefault: amount === 0 });
  return {
    memoryMb: value(resources?.memoryMb),
    milliCpu: value(resources?.milliCpu),
    gpuType: resources?.gpuConfig?.gpuType ?? "",
    memoryMbMax: resources?.memoryMbMax ?? 0,
    milliCpuMax: resources?.milliCpuMax ?? 0,
  };
}

function namedSandbox(
  { store }: EmulatorContext,
  sandboxes: Sandboxes,
  request: SandboxGetFromNameRequest,
): SandboxRecord {
  const environment = environmentName(request.environmentName);
  const app = store.apps.find(
    ({ name, environment: ofApp }) => name === request.appName && ofApp === environment,
  );
  const named = sandboxes
    .records()
    .filter(({ name, appId }) => name === request.sandboxName && appId === app?.id);
  const found = named.find(isRunning) ?? (request.includeTerminated ? named[0] : undefined);
  if (found === undefined) throw nameNotFound(request);
  return found;
}

function nameNotFound({ sandboxName, appName }: SandboxGetFromNameRequest): ServerError {
  return new ServerError(
    Status.NOT_FOUND,
    `Sandbox with name '${sandboxName}' not found in App '${appName}'`,
  );
}

function tagRecord(tags: readonly SandboxTag[]): Record<string, string> {
  return Object.fromEntries(tags.map(({ tagName, tagValue }) => [tagName, tagValue]));
}

function tagList(tags: Readonly<Record<string, string>>): SandboxTag[] {
  return Object.entries(tags).map(([tagName, tagValue]) => ({ tagName, tagValue }));
}
