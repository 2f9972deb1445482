import { setTimeout as delay } from "node:timers/promises";
import { ServerError, Status, type CallContext } from "nice-grpc";
import { withEngine } from "../containers/engine-errors.ts";
import type { Build, BuildResult } from "../containers/build.ts";
import { findImage, removeImage } from "../containers/images.ts";
import { ImageBuilder, isInEngine } from "../containers/image-builder.ts";
import type { LogStream } from "../containers/build-log.ts";
import type { LayerRequest } from "../containers/layer-key.ts";
import { environmentName, type EmulatorContext } from "../context.ts";
import {
  FileDescriptor,
  GenericResultGenericStatus,
  type ImageGetOrCreateRequest,
  type ImageJoinStreamingRequest,
  type ModalClientServiceImplementation,
} from "../generated/modal_client.ts";
import { newIdentifier } from "../state/identifiers.ts";
import type { ImageRecord } from "../state/records.ts";

const DEFAULT_TAGS_PER_PAGE = 100;

/** Images (SPEC-01.11, SPEC-01.15): layers that are built once, and names for them. */
export function imageService(
  context: EmulatorContext,
): Pick<
  ModalClientServiceImplementation,
  | "imageGetOrCreate"
  | "imageJoinStreaming"
  | "imageFromId"
  | "imageGetByTag"
  | "imagePublish"
  | "imageDelete"
  | "imageListTags"
> {
  const { imageTags } = context.store;
  const builder = new ImageBuilder(context);

  return {
    imageGetOrCreate: async (request) => {
      const layer = readLayer(context, request);
      const answer = await withEngine(context.engine, () => builder.getOrBuild(layer));
      if ("log" in answer) return { imageId: answer.imageId };
      return { imageId: answer.id, result: wireResult({ ok: true }), metadata: metadata(answer) };
    },

    imageJoinStreaming: (request, call) => {
      const build = builder.find(request.imageId);
      if (build !== undefined) return counted(build, follow(build, request, call));
      const result = builder.formerResult(request.imageId);
      if (result === undefined) throw notFound(request.imageId);
      return only({ result: wireResult(result), eof: true });
    },

    imageFromId: async ({ imageId }) => {
      const image = await requireBuilt(context, imageId);
      return { imageId, metadata: metadata(image) };
    },

    imageGetByTag: async (request) => {
      const name = readName(request);
      const published = imageTags.get(name.id);
      if (published === undefined) {
        throw new ServerError(Status.NOT_FOUND, `Image '${name.tag}' not found`);
      }
      await requireBuilt(context, published.imageId, `Image '${name.tag}' cannot be used: `);
      return { imageId: published.imageId };
    },

    imagePublish: async (request) => {
      const name = readName(request);
      const { id: imageId } = await requireBuilt(context, request.imageId);
      const revisionId = newIdentifier("rv");
      imageTags.put({ ...name, imageId, revisionId, publishedAtMs: Date.now() });
      return { imageId, revisionId };
    },

    imageDelete: async ({ imageId }) => {
      const image = findImage(context.store, imageId);
      if (image === undefined) {
        throw new ServerError(Status.NOT_FOUND, `No Image with ID '${imageId}'`);
      }
      await removeImage(context, image);
      return {};
    },

    imageListTags: (request) => {
      const environment = environmentName(request.environmentName);
      const found = imageTags
        .values()
        .filter((name) => name.environment === environment)
        .filter((name) => name.tag.startsWith(request.tagPrefix) && name.tag > request.pageToken)
        .filter((name) => request.imageId === "" || name.imageId === request.imageId)
        .sort((a, b) => (a.tag < b.tag ? -1 : 1));
      const page = found.slice(0, request.maxObjects || DEFAULT_TAGS_PER_PAGE);
      const items = page.map(({ tag, imageId, revisionId, publishedAtMs }) => {
        const atS = publishedAtMs / 1000;
        return { tag, imageId, revisionId, createdAt: atS, updatedAt: atS };
      });
      const nextPageToken = page.length < found.length ? (page.at(-1)?.tag ?? "") : "";
      return Promise.resolve({ items, nextPageToken, environmentName: environment });
    },
  };
}

/** What of Modal's image definitions only its Python client sends, and is not served. */
function refuseUnsupported({ image }: ImageGetOrCreateRequest): void {
  const unsupported = [
    [image?.buildFunction !== undefined || image?.buildFunctionDef, "a build function"],
    [image?.contextMountId, "a context mount"],
    [(image?.volumeMounts.length ?? 0) > 0, "volumes while it builds"],
    [
      image?.imageRegistryConfig !== undefined,
      "registry credentials (use docker login and docker pull)",
    ],
  ] as const;
  for (const [isAsked, what] of unsupported) {
    if (isAsked) {
      throw new ServerError(Status.UNIMPLEMENTED, `modal-emulator builds no image with ${what}`);
    }
  }
}

function readLayer(context: EmulatorContext, request: ImageGetOrCreateRequest): LayerRequest {
  refuseUnsupported(request);
  const { image } = request;
  if (image === undefined) throw new ServerError(Status.INVALID_ARGUMENT, "An image is required");
  return {
    commands: image.dockerfileCommands,
    bases: image.baseImages.map(({ dockerTag, imageId }) => {
      const base = findImage(context.store, imageId);
      if (base === undefined) throw notFound(imageId);
      return { name: dockerTag, image: base };
    }),
    secrets: image.secretIds.map((secretId) => {
      const secret = context.store.secrets.get(secretId);
      if (secret === undefined) {
        throw new ServerError(Status.NOT_FOUND, `Secret with ID '${secretId}' not found`);
      }
      return secret;
    }),
    buildArgs: image.buildArgs,
    contextFiles: image.contextFiles.map(({ filename, data }) => ({ name: filename, data })),
    builderVersion: request.builderVersion,
    force: request.forceBuild || request.ignoreCache,
    notes: image.gpuConfig === undefined ? [] : ["gpu is ignored: builds have none here"],
  };
}

/** Lets the build know that somebody follows it, as long as the answer is read. */
async function* counted<T>(build: Build, answer: AsyncIterable<T>): AsyncGenerator<T> {
  const leave = build.follow();
  try {
    yield* answer;
  } finally {
    leave();
  }
}

/** Streams a build's log, from the client's last line on, until its end or the client's timeout. */
async function* follow(build: Build, request: ImageJoinStreamingRequest, { signal }: CallContext) {
  const { log } = build;
  const deadlineMs = Date.now() + request.timeout * 1000;
  let position = Number.parseInt(request.lastEntryId || "0", 10);
  while (!signal.aborted) {
    const changed = log.changed();
    const lines = log.since(position);
    if (lines.length > 0) {
      position = log.end;
      const taskLogs = lines.map(({ text, stream, atMs }) => ({
        data: text,
        timestamp: atMs / 1000,
        fileDescriptor: FILE_DESCRIPTORS[stream],
      }));
      yield { taskLogs, entryId: String(position) };
    } else if (build.result !== undefined) {
      yield { result: wireResult(build.result), eof: true, entryId: String(position) };
      return;
    } else {
      const leftMs = deadlineMs - Date.now();
      if (leftMs <= 0) return;
      await firstOf(changed, leftMs, signal);
    }
  }
}

const FILE_DESCRIPTORS: Readonly<Record<LogStream, FileDescriptor>> = {
  stdout: FileDescriptor.FILE_DESCRIPTOR_STDOUT,
  stderr: FileDescriptor.FILE_DESCRIPTOR_STDERR,
  info: FileDescriptor.FILE_DESCRIPTOR_INFO,
};

/** Waits for a change, but not longer than that, nor for a client that has gone. */
async function firstOf(change: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const ends = AbortSignal.any([signal, timer.signal]);
  await Promise.race([change, delay(ms, undefined, { signal: ends }).catch(() => undefined)]);
  timer.abort();
}

// eslint-disable-next-line @typescript-eslint/require-await -- a stream of one message
async function* only<T>(message: T): AsyncGenerator<T> {
  yield message;
}

function wireResult(result: BuildResult) {
  if (result.ok) return { status: GenericResultGenericStatus.GENERIC_STATUS_SUCCESS };
  return {
    status: GenericResultGenericStatus.GENERIC_STATUS_FAILURE,
    exception: result.reason,
  };
}

function metadata(image: ImageRecord) {
  return { imageBuilderVersion: image.builderVersion };
}

/** @throws ServerError NOT_FOUND where there is no such image, or its layers were removed from the engine */
async function requireBuilt(
  context: EmulatorContext,
  imageId: string,
  prefix = "",
): Promise<ImageRecord> {
  const image = findImage(context.store, imageId);
  if (image === undefined) throw notFound(imageId, prefix);
  const isThere = await withEngine(context.engine, ({ docker }) => isInEngine(docker, image));
  if (isThere) return image;
  throw new ServerError(
    Status.NOT_FOUND,
    `${prefix}Could not find image with ID ${imageId}: it was removed from the container engine; build it again`,
  );
}

function notFound(imageId: string, prefix = ""): ServerError {
  return new ServerError(Status.NOT_FOUND, `${prefix}Could not find image with ID ${imageId}`);
}

/** A published name: `name:tag` of an environment, or `environment/name:tag`. */
function readName(request: { readonly tag: string; readonly environmentName: string }) {
  const [, prefix, name = ""] = /^(?:(.+)\/)?([^/]*)$/s.exec(request.tag) ?? [];
  const [, base = "", tag = "latest"] = /^([\w.-]+)(?::([\w.-]+))?$/.exec(name) ?? [];
  if (base === "") {
    throw new ServerError(Status.INVALID_ARGUMENT, `'${request.tag}' is not an image name`);
  }
  const environment = prefix ?? environmentName(request.environmentName);
  const fullName = `${base}:${tag}`;
  return { id: `${environment}/${fullName}`, tag: fullName, environment };
}
