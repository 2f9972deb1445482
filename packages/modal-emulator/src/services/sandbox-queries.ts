import { ServerError, Status } from "nice-grpc";
import { isRunning, type Sandboxes } from "../containers/sandboxes.ts";
import { environmentName, type EmulatorContext } from "../context.ts";
import type {
  Sandbox,
  SandboxGetFromNameRequest,
  SandboxListRequest,
} from "../generated/modal_client.ts";
import { backendOf, type SandboxBackend } from "../state/identifiers.ts";
import type { SandboxRecord } from "../state/records.ts";
import { genericResult, tagList } from "./sandbox-answers.ts";

const LIST_PAGE = 50;

/** A page of the sandboxes that a client asks for, newest first. `backend`: of that one only. */
export function listed(
  { store }: EmulatorContext,
  sandboxes: Sandboxes,
  request: SandboxListRequest,
  backend?: SandboxBackend,
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
    .filter(({ id }) => backend === undefined || backendOf(id) === backend)
    .filter(({ tags }) => request.tags.every((tag) => tags[tag.tagName] === tag.tagValue))
    .slice(0, LIST_PAGE);
}

/** What a list says of a sandbox. */
export function describe(record: SandboxRecord) {
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

/**
 * The sandbox of a name on a backend: the one that runs, or, when asked for, the newest that has ended.
 * @throws ServerError NOT_FOUND
 */
export function namedSandbox(
  { store }: EmulatorContext,
  sandboxes: Sandboxes,
  request: SandboxGetFromNameRequest,
  backend: SandboxBackend,
): SandboxRecord {
  const environment = environmentName(request.environmentName);
  const app = store.apps.find(
    ({ name, environment: ofApp }) => name === request.appName && ofApp === environment,
  );
  const named = sandboxes
    .records()
    .filter(({ name, appId }) => name === request.sandboxName && appId === app?.id)
    .filter(({ id }) => backendOf(id) === backend);
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
