import { ServerError, Status } from "nice-grpc";
import { requireGpuRuntime } from "../containers/gpu.ts";
import { findImage } from "../containers/images.ts";
import type { ContainerResources } from "../containers/sandbox-container.ts";
import type { NewSandbox } from "../containers/sandboxes.ts";
import type { VolumeBind } from "../containers/volume-views.ts";
import type { EmulatorContext } from "../context.ts";
import type {
  Sandbox,
  SandboxCreateRequest,
  SandboxCreateV2Request,
} from "../generated/modal_client.ts";
import type { SandboxBackend } from "../state/identifiers.ts";
import { checkDefinition, gpuCount, hasNetwork, timeoutSeconds } from "./sandbox-definition.ts";
import { tagRecord } from "./sandbox-answers.ts";
import { resolveEnvironment } from "./secret-environment.ts";

/** The engines that can mount a folder of a volume. */
const SUB_PATH_API_VERSION = 1.45;

/** What the two backends' requests for a sandbox have in common; only V2's carries variables. */
type CreateRequest = Omit<SandboxCreateRequest, "environmentName"> &
  Partial<Pick<SandboxCreateV2Request, "secretSources" | "ephemeralSecrets">>;

/**
 * The sandbox that a request asks for.
 * @throws ServerError for what is refused, missing or not served, before anything is made
 */
export async function newSandbox(
  context: EmulatorContext,
  request: CreateRequest,
  backend: SandboxBackend,
  idempotencyKey: string,
): Promise<NewSandbox> {
  const { store } = context;
  const { definition } = request;
  if (definition === undefined) {
    throw new ServerError(Status.INVALID_ARGUMENT, "a sandbox needs a definition");
  }
  checkDefinition(definition, backend);
  const engine = await context.engine.get();
  if (gpuCount(definition) > 0) await requireGpuRuntime(engine);
  const app = store.apps.get(request.appId);
  if (app === undefined) {
    throw new ServerError(Status.NOT_FOUND, `App with ID '${request.appId}' not found`);
  }
  const timeoutSecs = timeoutSeconds(definition);
  return {
    backend,
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
  const image = findImage(store, imageId);
  if (image === undefined) {
    throw new ServerError(Status.NOT_FOUND, `Could not find image with ID '${imageId}'`);
  }
  return image.engineTag;
}

function environment(
  { store }: EmulatorContext,
  { secretSources = [], ephemeralSecrets }: CreateRequest,
  { secretIds, environmentVariables }: Sandbox,
): Record<string, string> {
  const variables = [environmentVariables?.contents ?? {}, ephemeralSecrets?.contents ?? {}];
  return resolveEnvironment(store, { secretSources, secretIds, variables });
}

function containerResources(definition: Sandbox): ContainerResources {
  const { resources } = definition;
  return {
    milliCpu: resources?.milliCpu ?? 0,
    memoryMiB: resources?.memoryMb ?? 0,
    milliCpuMax: resources?.milliCpuMax ?? 0,
    memoryMiBMax: resources?.memoryMbMax ?? 0,
    gpuCount: gpuCount(definition),
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
