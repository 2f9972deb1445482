import { variants, type Variant } from "../config/variants.ts";
import { UserError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import {
  deleteImage,
  findPublishedImage,
  listPublishedImages,
  publishImage,
  type PublishedImage,
} from "../modal/images.ts";

/** What all published images of Parhelia begin with. */
export const IMAGE_PREFIX = "parhelia-";

const LATEST = "latest";

/** A variant whose `latest` is another image now. */
export interface RolledBackImage {
  readonly variant: Variant["name"];
  /** The tag that `latest` now is the same as. */
  readonly tag: string;
  readonly imageId: string;
  /** Whether `latest` was another image before. */
  readonly changed: boolean;
}

/**
 * Makes an earlier release the one that the next sandboxes start from: `latest` of every variant that has
 * the tag, or of one variant where the tag names it. Sandboxes that run keep theirs.
 *
 * @param tag such as `weekly-20261122` or `parhelia-cpu:weekly-20261122`
 * @throws UserError when there is no such tag
 */
export async function rollBackImages(
  connection: Connection,
  tag: string,
): Promise<RolledBackImage[]> {
  const [name, only] = tag.split(":").toReversed() as [string, string?];
  const asked = variants.filter((variant) => only === undefined || only === variant.name);
  const found = await Promise.all(
    asked.map(async (variant) => ({
      variant,
      image: await findPublishedImage(connection, `${variant.name}:${name}`),
      latest: await findPublishedImage(connection, variant.name),
    })),
  );
  const rolledBack: RolledBackImage[] = [];
  for (const { variant, image, latest } of found) {
    if (image === undefined) continue;
    const changed = latest?.imageId !== image.imageId;
    if (changed) await publishImage(image, variant.name);
    rolledBack.push({ variant: variant.name, tag: name, imageId: image.imageId, changed });
  }
  if (rolledBack.length === 0) throw await noSuchTag(connection, tag);
  return rolledBack;
}

async function noSuchTag(connection: Connection, tag: string): Promise<UserError> {
  const published = await listPublishedImages(connection, IMAGE_PREFIX);
  const others = published.map((image) => image.tag).filter((name) => !name.endsWith(`:${LATEST}`));
  return new UserError(`no image is published as ${tag}`, {
    hint:
      others.length === 0
        ? "there is no earlier release to go back to; parhelia image release makes one"
        : `choose one of ${others.join(", ")}`,
  });
}

/** What pruning does with the releases. */
export interface ImagePrunePlan {
  /** Releases whose images are deleted. */
  readonly remove: readonly PublishedImage[];
  /** Older releases that stay, since their image has another name that stays. */
  readonly shared: readonly PublishedImage[];
}

/**
 * Which releases go: of each variant all `weekly-` tags but the newest `keep`, unless their image is also
 * `latest`, or has another name that stays. Names that are not weekly releases are not touched.
 */
export function planImagePrune(published: readonly PublishedImage[], keep: number): ImagePrunePlan {
  const old = new Set(
    variants.flatMap(({ name }) =>
      published
        .filter(({ tag }) => tag.startsWith(`${name}:weekly-`))
        // The day is in the tag: when it was published may have been changed by a second release.
        .sort((a, b) => (a.tag < b.tag ? 1 : -1))
        .slice(keep),
    ),
  );
  const kept = new Set(published.filter((image) => !old.has(image)).map(({ imageId }) => imageId));
  const isShared = ({ imageId }: PublishedImage) => kept.has(imageId);
  return {
    remove: [...old].filter((image) => !isShared(image)),
    shared: [...old].filter(isShared),
  };
}

/**
 * Deletes the images of old releases (see `planImagePrune`).
 * @param keep releases of each variant that stay, at least 1
 */
export async function pruneImages(
  connection: Connection,
  keep: number,
  options: { readonly dryRun: boolean },
): Promise<ImagePrunePlan> {
  const plan = planImagePrune(await listPublishedImages(connection, IMAGE_PREFIX), keep);
  if (options.dryRun) return plan;
  const imageIds = new Set(plan.remove.map(({ imageId }) => imageId));
  for (const imageId of imageIds) await deleteImage(connection, imageId);
  return plan;
}
