import { ServerError, Status } from "nice-grpc";
import { engineVolumeName } from "../containers/labels.ts";
import type { VolumeFiles } from "../containers/volume-files.ts";
import {
  ObjectCreationType,
  VolumeFsVersion,
  type ModalClientServiceImplementation,
  type VolumeGetOrCreateRequest,
} from "../generated/modal_client.ts";
import { newIdentifier } from "../state/identifiers.ts";
import type { VolumeRecord } from "../state/records.ts";
import { environmentName, type EmulatorContext } from "../context.ts";

/** An ephemeral volume without a heartbeat for this long is removed; the SDK sends one every 300 s. */
const EPHEMERAL_SILENCE_MS = 20 * 60 * 1000;

/** Volumes by name (SPEC-01.12). The engine's volume is made when a sandbox first mounts it. */
export function volumeService(
  context: EmulatorContext,
  files: VolumeFiles,
): Pick<
  ModalClientServiceImplementation,
  "volumeGetOrCreate" | "volumeDelete" | "volumeHeartbeat"
> {
  const { volumes } = context.store;

  async function remove(volume: VolumeRecord): Promise<void> {
    const { docker } = await context.engine.get();
    await files.release(docker, volume);
    try {
      await docker.getVolume(volume.engineVolume).remove();
    } catch (error) {
      const status = (error as { statusCode?: number }).statusCode;
      if (status === 409) {
        throw new ServerError(
          Status.FAILED_PRECONDITION,
          `Volume '${volume.name}' is mounted by a running sandbox; end it first`,
        );
      }
      if (status !== 404) throw error;
    }
    volumes.delete(volume.id);
  }

  async function removeSilentEphemeral(): Promise<void> {
    const silentSinceMs = Date.now() - EPHEMERAL_SILENCE_MS;
    for (const volume of volumes.values()) {
      if (volume.heartbeatAtMs !== undefined && volume.heartbeatAtMs < silentSinceMs) {
        await remove(volume).catch(() => undefined); // still mounted, or no engine: next time
      }
    }
  }

  return {
    volumeGetOrCreate: async (request) => {
      await removeSilentEphemeral();
      const volume = getOrCreate(context, request);
      return {
        volumeId: volume.id,
        version: volume.version,
        metadata: {
          version: volume.version,
          name: volume.name,
          creationInfo: { createdAt: volume.createdAtMs / 1000 },
        },
      };
    },

    volumeDelete: async (request) => {
      await remove(requireVolume(context, request.volumeId));
      return {};
    },

    volumeHeartbeat: (request) => {
      requireVolume(context, request.volumeId);
      volumes.update(request.volumeId, { heartbeatAtMs: Date.now() });
      return Promise.resolve({});
    },
  };
}

function getOrCreate(context: EmulatorContext, request: VolumeGetOrCreateRequest): VolumeRecord {
  const { volumes } = context.store;
  const environment = environmentName(request.environmentName);
  const name = request.deploymentName;
  const ephemeral =
    request.objectCreationType === ObjectCreationType.OBJECT_CREATION_TYPE_EPHEMERAL;
  const existing = ephemeral
    ? undefined
    : volumes.find((volume) => volume.name === name && volume.environment === environment);
  if (existing !== undefined) {
    refuseExisting(request, `Volume '${name}' already exists`);
    return existing;
  }
  if (request.objectCreationType === ObjectCreationType.OBJECT_CREATION_TYPE_UNSPECIFIED) {
    throw new ServerError(Status.NOT_FOUND, `Volume '${name}' not found`);
  }
  const id = newIdentifier("vo");
  return volumes.put({
    id,
    name: ephemeral ? "" : name,
    environment,
    version: request.version === VolumeFsVersion.VOLUME_FS_VERSION_V2 ? 2 : 1,
    engineVolume: engineVolumeName(context.store.credentials.instance, id),
    createdAtMs: Date.now(),
    ...(ephemeral ? { heartbeatAtMs: Date.now() } : {}),
  });
}

/** Refuses an object that the client wants to be new. */
export function refuseExisting(
  request: { readonly objectCreationType: ObjectCreationType },
  message: string,
): void {
  const failIfExists = ObjectCreationType.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS;
  if (request.objectCreationType === failIfExists) {
    throw new ServerError(Status.ALREADY_EXISTS, message);
  }
}

/** @throws ServerError NOT_FOUND */
export function requireVolume(context: EmulatorContext, volumeId: string): VolumeRecord {
  const volume = context.store.volumes.get(volumeId);
  if (volume === undefined) {
    throw new ServerError(Status.NOT_FOUND, `Volume '${volumeId}' not found`);
  }
  return volume;
}
