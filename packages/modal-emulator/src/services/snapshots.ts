import { ServerError, Status } from "nice-grpc";
import { withEngine } from "../containers/engine-errors.ts";
import { removeExpired } from "../containers/images.ts";
import { imageRepository } from "../containers/labels.ts";
import type { LiveSandbox } from "../containers/live-sandbox.ts";
import { containerName } from "../containers/sandbox-container.ts";
import { snapshotContainer } from "../containers/snapshot.ts";
import type { EmulatorContext } from "../context.ts";
import type { TaskSnapshotFilesystemRequest } from "../generated/task_command_router.ts";
import { derivedIdentifier } from "../state/identifiers.ts";

/** What the SDK sends for a snapshot that never expires. */
const NO_EXPIRY = -1;

/** Modal's time to live of a snapshot for which the client names none: 30 days. */
const DEFAULT_TTL_S = 30 * 24 * 3600;

/** Snapshots of sandboxes' filesystems (SPEC-01.15 (3)): images, from which sandboxes can be made. */
export class Snapshots {
  readonly #context: EmulatorContext;
  /** Those that are being taken, by the image's identifier: a request that is repeated waits for the first. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(context: EmulatorContext) {
    this.#context = context;
  }

  /**
   * Takes a snapshot of a sandbox that runs, and goes on.
   * @returns the image's identifier: the same for the same request
   */
  async take(sandbox: LiveSandbox, request: TaskSnapshotFilesystemRequest): Promise<string> {
    if (request.customerSuppliedEncryptionKey !== undefined) {
      throw new ServerError(Status.UNIMPLEMENTED, "modal-emulator does not encrypt snapshots");
    }
    const imageId = derivedIdentifier("im", sandbox.id, request.snapshotId);
    if (this.#context.store.images.get(imageId) !== undefined) return imageId;
    const taken =
      this.#running.get(imageId) ??
      this.#make(sandbox, imageId, request.ttlSeconds).finally(() => {
        this.#running.delete(imageId);
      });
    this.#running.set(imageId, taken);
    await taken;
    return imageId;
  }

  async #make(sandbox: LiveSandbox, imageId: string, ttlSeconds = DEFAULT_TTL_S): Promise<void> {
    const { images, credentials } = this.#context.store;
    const { instance } = credentials;
    const base = images.get(sandbox.record.definition.imageId);
    const engineTag = `${imageRepository(instance)}:${imageId}`;
    const engineImageId = await withEngine(this.#context.engine, ({ docker }) =>
      snapshotContainer(docker, {
        instance,
        containerName: containerName(instance, sandbox.id),
        engineTag,
      }),
    );
    const createdAtMs = Date.now();
    images.put({
      id: imageId,
      // Of nothing that a build could ask for.
      layerKey: imageId,
      engineTag,
      engineImageId,
      createdAtMs,
      builderVersion: base?.builderVersion ?? "",
      ...(ttlSeconds === NO_EXPIRY ? {} : { expiresAtMs: createdAtMs + ttlSeconds * 1000 }),
    });
    void removeExpired(this.#context);
  }
}
