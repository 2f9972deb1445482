import { existsSync } from "node:fs";
import { join } from "node:path";
import type Docker from "dockerode";
import { removeUnusedImages } from "./containers/base-image.ts";
import { ignoreStatus } from "./containers/engine-errors.ts";
import { findEngine } from "./containers/engine.ts";
import { imageRepository, INSTANCE_LABEL, SANDBOX_LABEL } from "./containers/labels.ts";
import { removeContainer } from "./containers/remove-container.ts";
import { containerName } from "./containers/sandbox-container.ts";
import { removeViews, settleViews } from "./containers/volume-views.ts";
import { endEmulator } from "./launch.ts";
import { readRecords } from "./state/collection.ts";
import type {
  ImageRecord,
  ImageTagRecord,
  SandboxRecord,
  SecretRecord,
  VolumeRecord,
} from "./state/records.ts";
import { Store } from "./state/store.ts";

const STOP_GRACE_S = 10;

/** What a state directory holds, by name. */
export interface StateDescription {
  readonly runningSandboxes: { readonly id: string; readonly name: string }[];
  readonly images: number;
  readonly tags: string[];
  readonly volumes: string[];
  readonly secrets: string[];
}

/** What `pruneState` removes beyond images, build left-overs and the memory of ended sandboxes. */
export interface PruneOptions {
  /** Also the volumes that no running sandbox mounts, with all that they hold. */
  readonly volumes: boolean;
  /** Also the secrets. */
  readonly secrets: boolean;
}

/** How many things were removed. */
export interface Removed {
  containers: number;
  images: number;
  volumes: number;
  secrets: number;
}

/** Reads what a state directory holds, whether an emulator serves it or not. */
export function describeState(stateDirectory: string): StateDescription {
  const read = <R extends { readonly id: string }>(kind: string) =>
    readRecords<R>(join(stateDirectory, kind));
  const named = (records: { readonly name: string }[]) =>
    records.map((record) => record.name).filter((name) => name !== "");
  return {
    runningSandboxes: read<SandboxRecord>("sandboxes")
      .filter((sandbox) => sandbox.result === undefined)
      .map(({ id, name }) => ({ id, name })),
    images: read<ImageRecord>("images").length,
    tags: read<ImageTagRecord>("image-tags").map((record) => record.tag),
    volumes: named(read<VolumeRecord>("volumes")),
    secrets: named(read<SecretRecord>("secrets")),
  };
}

/**
 * Ends every sandbox of the state directory, and the emulator that serves it.
 * @returns how many sandboxes were ended
 * @throws NoEngineError when sandboxes are recorded and no engine answers
 */
export async function stopAll(stateDirectory: string): Promise<number> {
  await endEmulator(stateDirectory);
  if (!existsSync(stateDirectory)) return 0;
  const store = new Store(stateDirectory);
  try {
    const running = store.sandboxes.values().filter((sandbox) => sandbox.result === undefined);
    if (running.length === 0) return 0;
    const { docker } = await findEngine();
    await stopSandboxes(docker, store.credentials.instance, running);
    await removeContainers(docker, store.credentials.instance);
    await removeViews(docker, store.credentials.instance, () => false);
    for (const sandbox of running) {
      store.sandboxes.update(sandbox.id, {
        ending: "terminated",
        result: {
          outcome: "terminated",
          exitCode: 137,
          endedAtMs: Date.now(),
          reason: "all sandboxes were stopped",
        },
      });
    }
    return running.length;
  } finally {
    store.close();
  }
}

/**
 * Removes what the emulator of the state directory made in the engine and no running sandbox needs; and
 * nothing else. Ends the emulator's process first, since it would remember what has gone.
 */
export async function pruneState(stateDirectory: string, options: PruneOptions): Promise<Removed> {
  await endEmulator(stateDirectory);
  const removed: Removed = { containers: 0, images: 0, volumes: 0, secrets: 0 };
  if (!existsSync(stateDirectory)) return removed;
  const store = new Store(stateDirectory);
  try {
    const { docker } = await findEngine();
    const running = store.sandboxes.values().filter((sandbox) => sandbox.result === undefined);
    const keep = new Set(running.map((sandbox) => sandbox.id));
    removed.containers = await removeContainers(docker, store.credentials.instance, keep);
    await removeViews(docker, store.credentials.instance, (id) => keep.has(id));
    for (const sandbox of store.sandboxes.values()) {
      if (sandbox.result !== undefined) store.sandboxes.delete(sandbox.id);
    }
    removed.images = await removeImages(docker, store, running);
    for (const { id, definition } of store.functions.values()) {
      if (store.images.get(definition.imageId) === undefined) store.functions.delete(id);
    }
    removed.images += await removeUnusedImages(docker);
    if (options.volumes) removed.volumes = await removeVolumes(docker, store, running);
    if (options.secrets) removed.secrets = removeAll(store.secrets);
    return removed;
  } finally {
    store.close();
  }
}

/** Ends sandboxes as `terminate` does: they have some time, and what they wrote is committed. */
async function stopSandboxes(
  docker: Docker,
  instance: string,
  running: readonly SandboxRecord[],
): Promise<void> {
  await Promise.all(
    running.map(async ({ id, hasViews }) => {
      const container = docker.getContainer(containerName(instance, id));
      await ignoreStatus([304, 404], container.stop({ t: STOP_GRACE_S }));
      if (hasViews) await settleViews(docker, instance, id, { commit: true });
    }),
  );
}

/** Removes this instance's containers but those of the sandboxes to keep. */
async function removeContainers(
  docker: Docker,
  instance: string,
  keep: ReadonlySet<string> = new Set(),
): Promise<number> {
  const containers = await docker.listContainers({
    all: true,
    filters: { label: [`${INSTANCE_LABEL}=${instance}`] },
  });
  const unwanted = containers.filter(({ Labels }) => !keep.has(Labels[SANDBOX_LABEL] ?? ""));
  await Promise.all(unwanted.map(({ Id }) => removeContainer(docker, Id)));
  return unwanted.length;
}

/**
 * Takes this instance's tags off its images. The engine removes a layer with its last tag, so that what
 * another instance still uses stays.
 */
async function removeImages(
  docker: Docker,
  store: Store,
  running: readonly SandboxRecord[],
): Promise<number> {
  const keep = new Set(running.map((sandbox) => sandbox.definition.imageId));
  for (const tag of store.imageTags.values()) {
    if (!keep.has(tag.imageId)) store.imageTags.delete(tag.id);
  }
  for (const image of store.images.values()) if (!keep.has(image.id)) store.images.delete(image.id);
  const kept = new Set(store.images.values().map((image) => image.engineTag));
  const listed = await docker.listImages({
    filters: { reference: [imageRepository(store.credentials.instance)] },
  });
  const tags = listed.flatMap((image) => image.RepoTags ?? []).filter((tag) => !kept.has(tag));
  // Newest first: an image with children only loses its tag.
  for (const tag of tags) {
    await ignoreStatus([404, 409], docker.getImage(tag).remove({ force: true }));
  }
  return tags.length;
}

async function removeVolumes(
  docker: Docker,
  store: Store,
  running: readonly SandboxRecord[],
): Promise<number> {
  const mounted = new Set(
    running.flatMap((sandbox) => sandbox.definition.volumeMounts.map((mount) => mount.volumeId)),
  );
  const unused = store.volumes.values().filter((volume) => !mounted.has(volume.id));
  for (const volume of unused) {
    await ignoreStatus([404], docker.getVolume(volume.engineVolume).remove());
    store.volumes.delete(volume.id);
  }
  return unused.length;
}

function removeAll(collection: { values(): { id: string }[]; delete(id: string): void }): number {
  const records = collection.values();
  for (const record of records) collection.delete(record.id);
  return records.length;
}
