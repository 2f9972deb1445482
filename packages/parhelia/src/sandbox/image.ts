import { resolveLock, type ResolvedLock } from "../config/lock.ts";
import type { Variant } from "../config/variants.ts";
import { planImage } from "../layers/plan-image.ts";
import type { Connection } from "../modal/connection.ts";
import { buildImage, findPublishedImage, publishImage, type BuildStep } from "../modal/images.ts";
import type { App, Image } from "../modal/sandboxes.ts";

/** What a variant's image is made from, besides what Parhelia itself needs. */
export interface ImageRequest {
  readonly variant: Variant;
  /** Debian packages to add. */
  readonly apt: readonly string[];
  /** Python packages to add. */
  readonly pip: readonly string[];
  /** Python packages that the gpu variant has besides, and the index that they come from. */
  readonly gpuPip: readonly string[];
  readonly gpuPipIndex: string;
  /** Exact versions. Default: those of `parhelia.lock`. */
  readonly claudeCode?: string | undefined;
  readonly bun?: string | undefined;
  /** `parhelia.lock`: read where it is there, written where it does not fit. */
  readonly lockPath: string;
  /** Build the Claude Code layer again, and what follows. */
  readonly force?: boolean;
  /** Told of each step before it runs. */
  readonly onStep?: ((step: BuildStep) => void) | undefined;
}

/** The layer that a forced build begins with. */
const CLAUDE_CODE_LAYER = "claude-code";

/**
 * The image of a variant as it is published, or, where there is none yet, built and published now. Only a
 * build needs the App, so that looking up both takes one round trip.
 */
export async function ensureImage(
  connection: Connection,
  app: Promise<App>,
  request: ImageRequest,
): Promise<Image> {
  const published = await findPublishedImage(connection, request.variant.name);
  return published ?? (await buildAndPublish(connection, await app, request));
}

/** Builds a variant's image and publishes it as `NAME:latest` (SPEC-01.11). */
export async function buildAndPublish(
  connection: Connection,
  app: App,
  request: ImageRequest,
): Promise<Image> {
  const { image } = await buildVariant(connection, app, request);
  await publishImage(image, request.variant.name);
  return image;
}

/** Builds a variant's image, under no name yet. @returns it, and the versions that it holds */
export async function buildVariant(
  connection: Connection,
  app: App,
  request: ImageRequest,
): Promise<{ readonly image: Image; readonly lock: ResolvedLock }> {
  const lock = await resolveLock({
    claudeCode: request.claudeCode,
    bun: request.bun,
    lockPath: request.lockPath,
  });
  const { apt, pip, gpuPip, gpuPipIndex, variant } = request;
  const cuda = variant.hasGpu ? { pip: gpuPip, index: gpuPipIndex } : undefined;
  const plan = planImage({ apt, pip, cuda, lock });
  const image = await buildImage(connection, app, plan, {
    ...(request.force === true ? { forceFrom: CLAUDE_CODE_LAYER } : {}),
    ...(request.onStep === undefined ? {} : { onStep: request.onStep }),
  });
  return { image, lock };
}
