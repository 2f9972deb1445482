import { NotFoundError, type App, type Image } from "modal";
import { SystemError } from "../errors.ts";
import type { ImagePlan } from "../layers/image-plan.ts";
import type { Connection } from "./connection.ts";

/** A published image. */
export interface PublishedImage {
  /** `parhelia-cpu:latest` */
  readonly tag: string;
  readonly imageId: string;
  readonly publishedAt: Date;
}

/** A step of an image build, as it begins. */
export interface BuildStep {
  readonly name: string;
  /** From 1. */
  readonly number: number;
  readonly total: number;
}

/** How an image is built. */
export interface BuildOptions {
  /** The layer to build again although nothing changed, with all that follow. */
  readonly forceFrom?: string;
  /** Told of each step before it runs. */
  readonly onStep?: (step: BuildStep) => void;
}

/** The image published under a name such as `parhelia-cpu`, or undefined where there is none. */
export async function findPublishedImage(
  { client }: Connection,
  name: string,
): Promise<Image | undefined> {
  try {
    return await client.images.fromName(name);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/**
 * Builds an image layer by layer, each cached by its content (SPEC-01.15 (1)).
 * @throws SystemError with the last lines of the failing step
 */
export async function buildImage(
  { client }: Connection,
  app: App,
  plan: ImagePlan,
  options: BuildOptions = {},
): Promise<Image> {
  const total = plan.layers.length + 1;
  options.onStep?.({ name: plan.base, number: 1, total });
  let image = await buildLayer(client.images.fromRegistry(plan.base), app, plan.base);
  for (const [index, layer] of plan.layers.entries()) {
    options.onStep?.({ name: layer.name, number: index + 2, total });
    const forceBuild = layer.name === options.forceFrom;
    const next = image.dockerfileCommands([...layer.commands], { forceBuild });
    image = await buildLayer(next, app, layer.name);
  }
  return image;
}

/** Publishes a built image under a name, whose tag is `latest` when it has none. */
export async function publishImage(image: Image, name: string): Promise<void> {
  await image.publish(name);
}

/** An image by its identifier; undefined where there is none, or its time is over. */
export async function findImage({ client }: Connection, id: string): Promise<Image | undefined> {
  try {
    return await client.images.fromId(id);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** Deletes an image and every name that it has; one that has gone already is fine. */
export async function deleteImage({ client }: Connection, imageId: string): Promise<void> {
  try {
    await client.images.delete(imageId);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}

/** The published images whose name begins with the prefix, newest first. */
export async function listPublishedImages(
  { client }: Connection,
  tagPrefix: string,
): Promise<PublishedImage[]> {
  const published: PublishedImage[] = [];
  let pageToken = "";
  do {
    const page = await client.cpClient.imageListTags({
      environmentName: client.environmentName(),
      tagPrefix,
      pageToken,
    });
    for (const item of page.items) {
      published.push({
        tag: item.tag,
        imageId: item.imageId,
        publishedAt: new Date(item.updatedAt * 1000),
      });
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return published.sort((a, b) => b.publishedAt.getTime() - a.publishedAt.getTime());
}

/** The SDK reports a failed build as a plain Error whose text begins so. */
const BUILD_FAILURE = /^Image build for (\S+) (failed|terminated|timed out)[^\n]*\n?/;

async function buildLayer(image: Image, app: App, name: string): Promise<Image> {
  try {
    return await image.build(app);
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const failure = BUILD_FAILURE.exec(message);
    if (failure === null) throw error;
    const output = message.slice(failure[0].length).trimEnd();
    throw new SystemError(`building the image failed in step ${name}:\n${output}`, {
      hint: buildHint(output),
      cause: error,
    });
  }
}

function buildHint(output: string): string {
  if (/no space left on device/i.test(output)) {
    return "free some disk space (`parhelia local prune` removes images that nothing uses), then `parhelia image build`";
  }
  return "mend what the last lines say, then `parhelia image build`; finished steps are kept";
}
