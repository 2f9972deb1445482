import { Readable } from "node:stream";
import type Docker from "dockerode";
import type { BuildLog } from "./build-log.ts";
import { makeDebianImage } from "./debian-base.ts";
import { DockerfileError } from "./dockerfile-words.ts";
import { engineStatus, ignoreStatus } from "./engine-errors.ts";
import { KIND_LABEL } from "./labels.ts";
import {
  followProgress,
  ImageRefusedError,
  pullImage,
  RegistryUnreachableError,
} from "./registry.ts";

/** Repository of the base images that the emulator makes itself; shared by all instances. */
const BASE_REPOSITORY = "modal-emulator-base";

const DEBIAN_TAG = `${BASE_REPOSITORY}:debian-bookworm-slim`;
const DEBIAN_REFERENCES = /^((docker\.io\/)?library\/)?debian:(bookworm|12)(-slim)?$/;
/** The time that a build takes at most from the making of an image to its name, generously. */
const NAMED_WITHIN_MS = 10 * 60 * 1000;

const SCRATCH_TAG = `${BASE_REPOSITORY}:scratch`;

/** How a base image is asked for. */
export interface ObtainOptions {
  /** `linux/amd64`; the engine's own where it is not given. */
  readonly platform?: string | undefined;
  /** Ask the registry also for an image that the engine has. */
  readonly refresh: boolean;
  readonly log: BuildLog;
}

/**
 * The engine's image of a registry reference: one that it has, else pulled; and Debian 12, where no registry
 * answers, made from Debian's packages.
 * @returns the engine's identifier of the image
 * @throws DockerfileError that says what to do when there is no such image, or no registry
 */
export async function obtainImage(
  docker: Docker,
  reference: string,
  options: ObtainOptions,
): Promise<string> {
  if (reference === "scratch") return obtainScratch(docker);
  if (!options.refresh) {
    const present = (await imageId(docker, reference)) ?? (await madeImage(docker, reference));
    if (present !== undefined) return present;
  }
  try {
    await pullImage(docker, reference, options);
    return await requireImage(docker, reference);
  } catch (error) {
    if (error instanceof ImageRefusedError) {
      throw new DockerfileError(
        `the registry gives no ${reference} (${error.message}); check its name, or pull a private image yourself: docker login && docker pull ${reference}`,
        { cause: error },
      );
    }
    if (!(error instanceof RegistryUnreachableError)) throw error;
    options.log.write(`   no image registry answers (${error.message})`);
    if (DEBIAN_REFERENCES.test(reference)) return makeDebianOnce(docker, options.log);
    throw new DockerfileError(
      `no image registry answers (${error.message}), and only debian:bookworm-slim can be made without one; base the image on that, or bring ${reference} into the engine: docker load`,
      { cause: error },
    );
  }
}

/**
 * Removes what no instance has a name for any more: the base images that were made here, once no instance
 * has an image, and layers that lost their names.
 * @returns how many were removed
 */
export async function removeUnusedImages(docker: Docker): Promise<number> {
  const images = await docker.listImages();
  const tags = images.flatMap((image) => image.RepoTags ?? []);
  const isUsed = tags.some((tag) => /^modal-emulator-[0-9a-f]{12}:/.test(tag));
  const made = isUsed ? [] : tags.filter((tag) => tag.startsWith(`${BASE_REPOSITORY}:`));
  // A build of another instance is about to name what it has just made.
  const newestS = (Date.now() - NAMED_WITHIN_MS) / 1000;
  const nameless = await docker.listImages({
    filters: { dangling: ["true"], label: [`${KIND_LABEL}=image`] },
  });
  const unwanted = [
    ...made,
    ...nameless.filter(({ Created }) => Created < newestS).map(({ Id }) => Id),
  ];
  for (const name of unwanted) await ignoreStatus([404, 409], docker.getImage(name).remove());
  return unwanted.length;
}

async function imageId(docker: Docker, reference: string): Promise<string | undefined> {
  try {
    return (await docker.getImage(reference).inspect()).Id;
  } catch (error) {
    if (engineStatus(error) === 404) return undefined;
    throw error;
  }
}

async function requireImage(docker: Docker, reference: string): Promise<string> {
  const id = await imageId(docker, reference);
  if (id === undefined) throw new Error(`the engine has no ${reference} although it was just made`);
  return id;
}

async function madeImage(docker: Docker, reference: string): Promise<string | undefined> {
  return DEBIAN_REFERENCES.test(reference) ? imageId(docker, DEBIAN_TAG) : undefined;
}

/** Builds at once share the making. */
let debianInTheMaking: Promise<string> | undefined;

async function makeDebianOnce(docker: Docker, log: BuildLog): Promise<string> {
  if (debianInTheMaking !== undefined) {
    log.write("   waiting for Debian's image, which another build makes");
    return debianInTheMaking;
  }
  debianInTheMaking = makeDebianImage(docker, DEBIAN_TAG, log)
    .then(() => requireImage(docker, DEBIAN_TAG))
    .finally(() => {
      debianInTheMaking = undefined;
    });
  return debianInTheMaking;
}

/** `FROM scratch`: an image of an empty archive. */
async function obtainScratch(docker: Docker): Promise<string> {
  const present = await imageId(docker, SCRATCH_TAG);
  if (present !== undefined) return present;
  const answer = await docker.importImage(Readable.from([Buffer.alloc(1024)]), {
    repo: BASE_REPOSITORY,
    tag: "scratch",
    changes: [`LABEL ${KIND_LABEL}=image`],
  });
  await followProgress(docker, answer);
  return requireImage(docker, SCRATCH_TAG);
}
