import { CONTAINER_PROGRAM, READY_MARKER_FILE, RUN_DIR } from "../../container/protocol/paths.ts";
import { FROM_SNAPSHOT_VARIABLE, type SnapshotRecord } from "../../container/protocol/snapshot.ts";
import type { Variant } from "../config/variants.ts";
import { SystemError } from "../errors.ts";
import { logLine } from "../log.ts";
import type { Connection } from "../modal/connection.ts";
import { deleteImage, findImage, listPublishedImages } from "../modal/images.ts";
import type { Sandbox, Volume } from "../modal/sandboxes.ts";
import { IMAGE_TAG, VARIANT_TAG } from "../modal/tags.ts";
import { readVolumeFile, removeVolumeFile } from "../modal/volume-files.ts";
import { requireVolume } from "../modal/volumes.ts";
import { HOUR_MS, MINUTE_MS } from "../units.ts";
import { pathInVolume, snapshotFile } from "../volume/layout.ts";
import { IMAGE_PREFIX } from "./image-tags.ts";
import type { SandboxPlan } from "./plan-sandbox.ts";

/** Modal's own default; from the snapshot's beginning on, whether it is used or not. */
const TTL_MS = 30 * 24 * HOUR_MS;

/** The SDK's default of 55 s is short for a large tree. */
const PATIENCE_MS = 10 * MINUTE_MS;

/** Where the ready marker is meanwhile: no sandbox of the image may be taken for ready by it. */
const MARKER_ASIDE = `${RUN_DIR}/ready`;

/**
 * Takes a filesystem snapshot of a session's sandbox, which goes on, and records it in the place of the one before,
 * which is deleted (SPEC-01.15 (3)).
 * @throws SystemError when it cannot be recorded; whatever the snapshot itself fails with
 */
async function takeSnapshot(
  connection: Connection,
  volume: Volume,
  name: string,
  sandbox: Sandbox,
): Promise<SnapshotRecord> {
  const [before, tags] = await Promise.all([
    readSnapshot(connection, volume, name),
    sandbox.getTags(),
  ]);
  await run(sandbox, ["mv", READY_MARKER_FILE, MARKER_ASIDE]);
  const takenMs = Date.now();
  const image = await sandbox
    .snapshotFilesystem({ timeoutMs: PATIENCE_MS, ttlMs: TTL_MS })
    .finally(() => run(sandbox, ["mv", MARKER_ASIDE, READY_MARKER_FILE]));
  const record: SnapshotRecord = {
    imageId: image.imageId,
    takenAt: new Date(takenMs).toISOString(),
    expiresAt: new Date(takenMs + TTL_MS).toISOString(),
    variant: tags[VARIANT_TAG] ?? "",
    publishedImage: tags[IMAGE_TAG] ?? "",
  };
  try {
    await run(sandbox, [CONTAINER_PROGRAM, "record-snapshot", name, JSON.stringify(record)]);
  } catch (error) {
    await deleteImage(connection, record.imageId); // nobody would find it again
    throw error;
  }
  if (before !== undefined) await deleteSnapshot(connection, before);
  return record;
}

/** Never an image that is published: the record is on the volume, where what runs in the sandbox may write. */
async function deleteSnapshot(
  connection: Connection,
  { imageId }: Pick<SnapshotRecord, "imageId">,
): Promise<void> {
  const published = await listPublishedImages(connection, IMAGE_PREFIX);
  if (published.some((image) => image.imageId === imageId)) return;
  await deleteImage(connection, imageId);
}

/** Takes a snapshot beside a checkpoint that is there already: where it fails, that is only a warning. */
export async function trySnapshot(
  connection: Connection,
  name: string,
  sandbox: Sandbox,
  volumeName = "parhelia-vol",
): Promise<void> {
  try {
    const volume = await requireVolume(connection, volumeName);
    await takeSnapshot(connection, volume, name, sandbox);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    logLine(`warning: no snapshot of the sandbox of ${name}, only its checkpoint: ${why}`);
  }
}

/** What the volume knows of a session's snapshot; undefined where there is none. */
export async function readSnapshot(
  connection: Connection,
  volume: Volume,
  name: string,
): Promise<SnapshotRecord | undefined> {
  const content = await readVolumeFile(connection, volume, pathInVolume(snapshotFile(name)));
  return content && parseRecord(content.toString());
}

/** Deletes a session's snapshot and what is known of it, where there is one. */
export async function removeSnapshot(
  connection: Connection,
  volume: Volume,
  name: string,
): Promise<void> {
  const record = await readSnapshot(connection, volume, name);
  if (record === undefined) return;
  await deleteSnapshot(connection, record);
  await removeVolumeFile(connection, volume, pathInVolume(snapshotFile(name)));
}

/**
 * The plan with the snapshot in the place of the published image, where it is of that image and still there; otherwise
 * the plan as it is, and `tell` is told why.
 */
export async function startFromSnapshot(
  connection: Connection,
  plan: SandboxPlan,
  variant: Variant,
  snapshot: SnapshotRecord,
  tell: ((message: string) => void) | undefined,
): Promise<SandboxPlan> {
  const { publishedImage, imageId, takenAt, expiresAt } = snapshot;
  const unfit =
    snapshot.variant !== variant.name
      ? `it is of ${snapshot.variant}, and the sandbox is to be ${variant.name}`
      : publishedImage !== plan.image.imageId
        ? "another image has been published since"
        : undefined;
  const image = unfit === undefined ? await findImage(connection, imageId) : undefined;
  if (image !== undefined) {
    return { ...plan, image, env: { ...plan.env, [FROM_SNAPSHOT_VARIABLE]: "1" } };
  }
  const isExpired = Date.parse(expiresAt) <= Date.now();
  const reason = unfit ?? (isExpired ? `it expired at ${expiresAt}` : "it is not found any more");
  tell?.(`the snapshot of ${takenAt} is not used, the published image is: ${reason}`);
  return plan;
}

async function run(sandbox: Sandbox, command: string[]): Promise<void> {
  const process = await sandbox.exec(command);
  const [stderr, status] = await Promise.all([process.stderr.readText(), process.wait()]);
  if (status === 0) return;
  throw new SystemError(`${command[0]} ended with status ${status}: ${stderr.trim()}`, {
    hint: "`parhelia image build`, if the sandbox's image is an old one",
  });
}

/** The user of the sandbox may have written anything there. */
function parseRecord(text: string): SnapshotRecord | undefined {
  try {
    const found = JSON.parse(text) as Partial<Record<keyof SnapshotRecord, unknown>> | null;
    const { imageId, takenAt, expiresAt, variant, publishedImage } = found ?? {};
    const values = [imageId, takenAt, expiresAt, variant, publishedImage];
    return values.every((value) => typeof value === "string")
      ? ({ imageId, takenAt, expiresAt, variant, publishedImage } as SnapshotRecord)
      : undefined;
  } catch {
    return undefined;
  }
}
