import type { EmulatorContext } from "../context.ts";
import type { ImageRecord } from "../state/records.ts";
import type { Store } from "../state/store.ts";
import { ignoreStatus, withEngine } from "./engine-errors.ts";

/** A timer cannot wait longer. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** When the next snapshot's time is over, of each emulator. */
const timers = new WeakMap<EmulatorContext, NodeJS.Timeout>();

/** An image that can be used: a snapshot whose time is over cannot. */
export function findImage({ images }: Store, imageId: string): ImageRecord | undefined {
  const image = images.get(imageId);
  return image === undefined || hasExpired(image) ? undefined : image;
}

/** Removes an image, its published names, and what the engine has of it that no other image has. */
export async function removeImage(context: EmulatorContext, image: ImageRecord): Promise<void> {
  const { images, imageTags } = context.store;
  for (const name of imageTags.values()) if (name.imageId === image.id) imageTags.delete(name.id);
  images.delete(image.id);
  // By force: it only takes the name off an image that a running sandbox has.
  await withEngine(context.engine, ({ docker }) =>
    ignoreStatus([404, 409], docker.getImage(image.engineTag).remove({ force: true })),
  );
}

/** Removes the snapshots whose time is over, now and, as long as this process lives, when it is. */
export async function removeExpired(context: EmulatorContext): Promise<void> {
  const images = context.store.images.values();
  for (const image of images.filter(hasExpired)) {
    await removeImage(context, image).catch((error: unknown) => {
      context.log(`the expired image ${image.id} stays in the engine: ${String(error)}`);
    });
  }
  const nextMs = Math.min(...images.filter((image) => !hasExpired(image)).map(expiresAtMs));
  if (nextMs === Infinity) return;
  const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(0, nextMs - Date.now()));
  clearTimeout(timers.get(context));
  timers.set(context, setTimeout(() => void removeExpired(context), waitMs).unref());
}

function expiresAtMs(image: ImageRecord): number {
  return image.expiresAtMs ?? Infinity;
}

function hasExpired(image: ImageRecord): boolean {
  return expiresAtMs(image) <= Date.now();
}
