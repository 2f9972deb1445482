import type Docker from "dockerode";
import type { EmulatorContext } from "../context.ts";
import { newIdentifier } from "../state/identifiers.ts";
import type { ImageRecord } from "../state/records.ts";
import { removeLeftoverBuilds } from "./build-container.ts";
import { Build, type BuildResult } from "./build.ts";
import { caTrust } from "./ca-bundle.ts";
import type { Engine } from "./engine.ts";
import { NoEngineError } from "./engine.ts";
import { engineStatus } from "./engine-errors.ts";
import { ABANDONED, describeFailure, INTERRUPTED, isOwnMistake } from "./image-failure.ts";
import { imageRepository, LAYER_LABEL } from "./labels.ts";
import { removeDrafts } from "./snapshot.ts";
import { buildLayer } from "./layer-build.ts";
import { layerKey, type LayerRequest } from "./layer-key.ts";

/** Ended builds whose log can still be read. */
const MAX_ENDED_BUILDS = 50;

/** Builds image layers, each once, and remembers them. */
export class ImageBuilder {
  readonly #context: EmulatorContext;
  readonly #builds = new Map<string, Build>();
  readonly #running = new Map<string, Build>();
  /** Builds that died with the emulator before this one. */
  readonly #interrupted: ReadonlySet<string>;

  constructor(context: EmulatorContext) {
    this.#context = context;
    const { builds } = context.store;
    this.#interrupted = new Set(builds.values().map((build) => build.id));
    for (const id of this.#interrupted) builds.delete(id);
  }

  /**
   * The image of a layer, where there is one, otherwise the build that makes it. Requests for the same layer
   * share it; when all who followed it have gone, it is given up.
   */
  async getOrBuild(request: LayerRequest): Promise<ImageRecord | Build> {
    const { store, engine } = this.#context;
    const key = layerKey(request, store.credentials.signingKey);
    const found = await engine.get();
    if (!request.force && this.#unfinished(key) === undefined) {
      const cached = await this.#cached(found.docker, key, request.builderVersion);
      if (cached !== undefined) return cached;
    }
    return this.#unfinished(key) ?? this.#start(found, key, request);
  }

  /** The build of a key that runs and that somebody waits for. */
  #unfinished(key: string): Build | undefined {
    const build = this.#running.get(key);
    return build?.abandoned.aborted === false ? build : undefined;
  }

  /** A build of this process. */
  find(imageId: string): Build | undefined {
    return this.#builds.get(imageId);
  }

  /** How the build of an image ended that this process knows nothing of; undefined where there was none. */
  formerResult(imageId: string): BuildResult | undefined {
    if (this.#context.store.images.get(imageId) !== undefined) return { ok: true };
    return this.#interrupted.has(imageId) ? { ok: false, reason: INTERRUPTED } : undefined;
  }

  /** The newest image of a key: of this state, or, made by another instance, of the engine. */
  async #cached(
    docker: Docker,
    key: string,
    builderVersion: string,
  ): Promise<ImageRecord | undefined> {
    const { images } = this.#context.store;
    const known = images.values().filter((image) => image.layerKey === key);
    for (const image of known.sort((a, b) => b.createdAtMs - a.createdAtMs)) {
      if (await isInEngine(docker, image)) return image;
      images.delete(image.id); // removed behind our back
    }
    const engineImageId = await newestOfKey(docker, key);
    if (engineImageId === undefined) return undefined;
    return this.#record(docker, newIdentifier("im"), { key, engineImageId, builderVersion });
  }

  #start(engine: Engine, key: string, request: LayerRequest): Build {
    const build = new Build(newIdentifier("im"));
    this.#context.store.builds.put({ id: build.imageId, startedAtMs: Date.now() });
    this.#running.set(key, build);
    this.#builds.set(build.imageId, build);
    void this.#run(engine, build, key, request).then((result) => {
      this.#context.store.builds.delete(build.imageId);
      if (this.#running.get(key) === build) this.#running.delete(key);
      build.result = result;
      build.log.wakeReaders();
      this.#forgetOldBuilds();
    });
    return build;
  }

  async #run(
    engine: Engine,
    { imageId, log, abandoned }: Build,
    key: string,
    request: LayerRequest,
  ): Promise<BuildResult> {
    const { store } = this.#context;
    const { docker } = engine;
    for (const note of request.notes) log.write(`   ${note}`);
    try {
      const site = {
        docker,
        instance: store.credentials.instance,
        environment: caTrust(store, engine).env,
        labels: { [LAYER_LABEL]: key },
        log,
        abandoned,
      };
      const engineImageId = await buildLayer(site, {
        commands: request.commands,
        bases: new Map(request.bases.map(({ name, image }) => [name, image.engineImageId])),
        secrets: Object.assign({}, ...request.secrets.map((secret) => secret.values)) as Record<
          string,
          string
        >,
        buildArgs: request.buildArgs,
        contextFiles: request.contextFiles,
        refresh: request.force,
      });
      const { builderVersion } = request;
      await this.#record(docker, imageId, { key, engineImageId, builderVersion });
      log.write(`=> built ${imageId}`);
      return { ok: true };
    } catch (error) {
      if (abandoned.aborted) return { ok: false, reason: ABANDONED };
      if (isOwnMistake(error)) this.#context.log(`build ${imageId}: ${stackOf(error)}`);
      return { ok: false, reason: describeFailure(error) };
    }
  }

  /** First the engine's tag, then the record: a kill between them leaves a layer to adopt. */
  async #record(
    docker: Docker,
    imageId: string,
    layer: { key: string; engineImageId: string; builderVersion: string },
  ): Promise<ImageRecord> {
    const { images, credentials } = this.#context.store;
    const repo = imageRepository(credentials.instance);
    await docker.getImage(layer.engineImageId).tag({ repo, tag: imageId });
    return images.put({
      id: imageId,
      layerKey: layer.key,
      engineTag: `${repo}:${imageId}`,
      engineImageId: layer.engineImageId,
      createdAtMs: Date.now(),
      builderVersion: layer.builderVersion,
    });
  }

  #forgetOldBuilds(): void {
    const ended = [...this.#builds.values()].filter((build) => build.result !== undefined);
    for (const { imageId } of ended.slice(0, -MAX_ENDED_BUILDS)) this.#builds.delete(imageId);
  }
}

/** Removes what builds and snapshots left in the engine that died with a former emulator; call it at the start. */
export async function recoverBuilds(context: EmulatorContext): Promise<void> {
  try {
    const { docker } = await context.engine.get();
    const { instance } = context.store.credentials;
    await removeDrafts(docker, instance);
    const removed = await removeLeftoverBuilds(docker, instance);
    if (removed > 0) context.log(`removed ${removed} containers of builds that were interrupted`);
  } catch (error) {
    if (error instanceof NoEngineError) return; // nor anything left in it
    context.log(`cannot look for interrupted builds: ${describeFailure(error)}`);
  }
}

/** Whether an image's layer is still in the engine. */
export async function isInEngine(docker: Docker, image: ImageRecord): Promise<boolean> {
  try {
    await docker.getImage(image.engineTag).inspect();
    return true;
  } catch (error) {
    if (engineStatus(error) === 404) return false;
    throw error;
  }
}

async function newestOfKey(docker: Docker, key: string): Promise<string | undefined> {
  const found = await docker.listImages({ filters: { label: [`${LAYER_LABEL}=${key}`] } });
  const images = await Promise.all(found.map(({ Id }) => docker.getImage(Id).inspect()));
  return images.sort((a, b) => Date.parse(b.Created) - Date.parse(a.Created))[0]?.Id;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
