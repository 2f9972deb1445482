import { newestVersions } from "../config/lock.ts";
import type { Variant } from "../config/variants.ts";
import { SystemError } from "../errors.ts";
import { logLine } from "../log.ts";
import type { Connection } from "../modal/connection.ts";
import { findPublishedImage, publishImage } from "../modal/images.ts";
import type { App, Image } from "../modal/sandboxes.ts";
import { MINUTE_MS } from "../units.ts";
import { buildVariant, type ImageRequest } from "./image.ts";

/** What a release is made from. */
export interface ReleaseRequest extends Omit<ImageRequest, "variant"> {
  readonly variants: readonly Variant[];
  /** Day of the tag, in UTC. Default: today. */
  readonly date?: Date;
  readonly signal?: AbortSignal | undefined;
}

/** What a release made. */
export interface Release {
  /** `weekly-YYYYMMDD` */
  readonly tag: string;
  /** The versions that its images hold. */
  readonly claudeCode: string;
  readonly bun: string;
  /** The lock file, when it was written because a version moved. */
  readonly lockWritten: string | undefined;
  readonly images: readonly ReleasedImage[];
}

export interface ReleasedImage {
  readonly variant: Variant["name"];
  readonly imageId: string;
  /** Whether `latest` was another image before. */
  readonly changed: boolean;
}

const VERIFY_TIMEOUT_MS = 5 * MINUTE_MS;

/**
 * The weekly release of the images (SPEC-01.11a): the newest Claude Code and Bun, unless the request names
 * others; each variant built, started once to see that both programs are what they should be, and only then
 * published as `weekly-YYYYMMDD` and `latest`. Layers whose content did not change are not built again, so
 * that a second release on the same day changes nothing but the time on its tags.
 *
 * @throws SystemError when a build fails, or an image does not hold what it should: nothing is published then
 */
export async function releaseImages(
  connection: Connection,
  app: App,
  request: ReleaseRequest,
): Promise<Release> {
  const { variants, date = new Date(), signal, ...common } = request;
  const newest = await newestVersions({ lockPath: common.lockPath, signal });
  const wanted = {
    ...common,
    claudeCode: common.claudeCode ?? newest.claudeCode,
    bun: common.bun ?? newest.bun,
  };
  const built = [];
  let lockWritten: string | undefined;
  for (const variant of variants) {
    logLine(`building ${variant.name} with Claude Code ${wanted.claudeCode} and Bun ${wanted.bun}`);
    const { image, lock } = await buildVariant(connection, app, { ...wanted, variant });
    lockWritten ??= lock.writtenTo;
    signal?.throwIfAborted();
    await verifyImage(connection, app, image, wanted);
    signal?.throwIfAborted();
    built.push({ variant, image });
  }
  const tag = weeklyTag(date);
  const images: ReleasedImage[] = [];
  for (const { variant, image } of built) {
    const before = await findPublishedImage(connection, variant.name);
    await publishImage(image, `${variant.name}:${tag}`);
    const changed = before?.imageId !== image.imageId;
    if (changed) await publishImage(image, variant.name);
    images.push({ variant: variant.name, imageId: image.imageId, changed });
  }
  return { tag, claudeCode: wanted.claudeCode, bun: wanted.bun, lockWritten, images };
}

/** `weekly-20261125`: the day in UTC, as the schedule is. */
export function weeklyTag(date: Date): string {
  return `weekly-${date.toISOString().slice(0, 10).replaceAll("-", "")}`;
}

/** Starts the image once: a build step may be cached, a sandbox is what users get. */
async function verifyImage(
  { client }: Connection,
  app: App,
  image: Image,
  versions: { readonly claudeCode: string; readonly bun: string },
): Promise<void> {
  const sandbox = await client.sandboxes.create(app, image, {
    command: ["sh", "-c", "claude --version && bun --version"],
    timeoutMs: VERIFY_TIMEOUT_MS,
    tags: { "parhelia-task": "verify-image" },
  });
  const [stdout, stderr, status] = await Promise.all([
    sandbox.stdout.readText(),
    sandbox.stderr.readText(),
    sandbox.wait(),
  ]).finally(() => sandbox.terminate().catch(() => undefined)); // it has mostly ended by itself
  const [claudeCode = "", bun = ""] = stdout.split("\n").map((line) => line.split(" ")[0]);
  if (status === 0 && claudeCode === versions.claudeCode && bun === versions.bun) return;
  throw new SystemError(
    `the image that was built does not hold Claude Code ${versions.claudeCode} and Bun ${versions.bun}: ` +
      `it printed ${JSON.stringify(`${stdout}${stderr}`.trim())} and ended with status ${status}`,
    { hint: "nothing was published; `parhelia image release --force` builds it again" },
  );
}
