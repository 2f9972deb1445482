import type Docker from "dockerode";
import { obtainImage } from "./base-image.ts";
import { BuildContainer } from "./build-container.ts";
import type { BuildLog } from "./build-log.ts";
import { EMULATOR_DIRECTORY } from "./ca-bundle.ts";
import { copyInto } from "./copy.ts";
import { packFiles, type ContextFile } from "./copy-archive.ts";
import { DockerfileError } from "./dockerfile-words.ts";
import { parseDockerfile, summarize, type Instruction } from "./dockerfile.ts";
import { LayerConfig } from "./image-config.ts";

/** What a layer is made from. */
export interface LayerDefinition {
  /** Dockerfile instructions; the first one is FROM. */
  readonly commands: readonly string[];
  /** Images of the emulator by the name that FROM knows them by: `base` is engine image `sha256:…`. */
  readonly bases: ReadonlyMap<string, string>;
  /** Environment of every RUN that is in no image. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly contextFiles: readonly ContextFile[];
  /** Ask the registry again, also for an image that the engine has. */
  readonly refresh: boolean;
}

/** Where a layer is built. */
export interface BuildSite {
  readonly docker: Docker;
  /** Names the state directory on the label of the build's container. */
  readonly instance: string;
  /** Environment of every RUN that the image's own goes before: certificates, proxies. */
  readonly environment: Readonly<Record<string, string>>;
  /** Labels of the layer's image. */
  readonly labels: Readonly<Record<string, string>>;
  readonly log: BuildLog;
  /** Ends the build where it is. */
  readonly abandoned: AbortSignal;
}

/** Lines of a failed command's output that its error shows. */
const TAIL_LINES = 20;

/**
 * Builds a layer: one container, in which each RUN is a command, committed once at the end with exactly the
 * configuration that the instructions make, so that nothing of the build's own environment stays in it.
 * A layer that is only a FROM is its base.
 * @returns the engine's identifier of the image
 * @throws DockerfileError for what the layer's author must change; other errors are the engine's
 */
export async function buildLayer(site: BuildSite, definition: LayerDefinition): Promise<string> {
  const build = new LayerBuild(site, definition);
  try {
    for (const instruction of parseDockerfile(definition.commands)) await build.apply(instruction);
    return await build.finish();
  } finally {
    await build.cleanUp();
  }
}

/** Instructions that change nothing here, and why. */
const IGNORED: Readonly<Record<string, string>> = {
  HEALTHCHECK: "is ignored: sandboxes have readiness probes instead",
  MAINTAINER: "is ignored: use LABEL",
  VOLUME: "is ignored: volumes are mounted when a sandbox is created",
  ONBUILD: "is ignored: put the instruction into the layer that needs it",
};

class LayerBuild {
  readonly #site: BuildSite;
  readonly #definition: LayerDefinition;
  #config: LayerConfig;
  #base: string | undefined;
  #container: BuildContainer | undefined;

  constructor(site: BuildSite, definition: LayerDefinition) {
    this.#site = site;
    this.#definition = definition;
    this.#config = new LayerConfig({}, definition.buildArgs);
    site.log.mask(Object.values(definition.secrets));
  }

  async apply(instruction: Instruction): Promise<void> {
    this.#site.abandoned.throwIfAborted();
    const { keyword } = instruction;
    const step = summarize(instruction);
    this.#site.log.write(`=> ${step}`);
    if (this.#base === undefined && keyword !== "FROM" && keyword !== "ARG") {
      throw new DockerfileError(`${step}: the first instruction of a layer is FROM`);
    }
    try {
      if (this.#config.apply(instruction)) return;
      const ignored = IGNORED[keyword];
      if (ignored === undefined) await this.#act(instruction);
      else this.#site.log.write(`   ${keyword} ${ignored}`);
    } catch (error) {
      if (!(error instanceof DockerfileError)) throw error;
      throw new DockerfileError(`${step}: ${error.message}`, { cause: error });
    }
  }

  #act(instruction: Instruction): Promise<void> {
    switch (instruction.keyword) {
      case "FROM":
        return this.#from(instruction);
      case "RUN":
        return this.#run(instruction);
      case "COPY":
        return this.#copy(instruction);
      case "WORKDIR":
        return this.#workdir(instruction);
      case "ADD":
        throw new DockerfileError(
          "ADD is not supported; download with RUN curl -fsSL URL -o FILE, or use COPY --from=IMAGE",
        );
      default:
        throw new DockerfileError(`unknown instruction ${instruction.keyword}`);
    }
  }

  async #from({ text, flags }: Instruction): Promise<void> {
    if (this.#base !== undefined) {
      throw new DockerfileError(
        "a layer has one FROM; take files from others by COPY --from=IMAGE",
      );
    }
    const name = this.#config.expand(text.split(/\s+/)[0] ?? "");
    const platform = flags.find((flag) => flag.name === "platform")?.value;
    this.#base = await this.#image(name, platform);
    const { Config } = await this.#site.docker.getImage(this.#base).inspect();
    this.#config = new LayerConfig(Config, this.#definition.buildArgs);
  }

  /** The engine's image of a name: one of the emulator's, or a reference to a registry. */
  async #image(name: string, platform?: string): Promise<string> {
    const { bases, refresh } = this.#definition;
    const { docker, log } = this.#site;
    return bases.get(name) ?? obtainImage(docker, name, { platform, refresh, log });
  }

  async #run(instruction: Instruction): Promise<void> {
    for (const { name, value } of instruction.flags) this.#checkRunFlag(name, value);
    const container = await this.#buildContainer();
    const words = await this.#runWords(instruction, container);
    const tail: string[] = [];
    const keep = (line: string) => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
    };
    const { log, environment } = this.#site;
    const status = await container.run({
      words,
      env: this.#config.runEnvironment(environment, this.#definition.secrets),
      user: this.#config.user,
      workingDirectory: this.#config.workingDirectory,
      stdout: log.writable("stdout", keep),
      stderr: log.writable("stderr", keep),
    });
    if (status === 0) return;
    const killed = status === 137 ? " (killed; the machine may be out of memory)" : "";
    const output =
      tail.length === 0 ? "It printed nothing." : `Its last lines:\n${tail.join("\n")}`;
    throw new DockerfileError(`ended with status ${status}${killed}. ${output}`);
  }

  /** BuildKit's caches only save time, so that a build without one is still right; other mounts bring files. */
  #checkRunFlag(name: string, value: string): void {
    if (name === "mount" && !/(^|,)type=(cache|tmpfs)(,|$)/.test(value)) {
      throw new DockerfileError(
        `--mount=${value} is not supported; give the layer its secrets by the client's "secrets" option`,
      );
    }
    this.#site.log.write(`   --${name} is ignored`);
  }

  async #runWords(instruction: Instruction, container: BuildContainer): Promise<string[]> {
    const { text, heredocs, script } = instruction;
    const [heredoc] = heredocs;
    if (heredoc === undefined) return this.#config.commandWords(text);
    if (text !== heredoc.word) return [...this.#config.shell, script];
    if (!heredoc.content.startsWith("#!")) return [...this.#config.shell, heredoc.content];
    // A program of its own: it lies where nothing is kept.
    const file = { name: "run", data: Buffer.from(heredoc.content) };
    await container.makeDirectory(EMULATOR_DIRECTORY);
    await container.unpack(EMULATOR_DIRECTORY, packFiles([file], { mode: 0o755 }));
    return [`${EMULATOR_DIRECTORY}/run`];
  }

  async #copy(instruction: Instruction): Promise<void> {
    const container = await this.#buildContainer();
    await copyInto(container, instruction, {
      config: this.#config,
      contextFiles: this.#definition.contextFiles,
      openImage: async (name) =>
        this.#createContainer(await this.#image(this.#config.expand(name))),
    });
  }

  async #workdir({ text }: Instruction): Promise<void> {
    const path = this.#config.resolvePath(text);
    this.#config.workingDirectory = path;
    const container = await this.#buildContainer();
    await container.makeDirectory(path);
  }

  async #buildContainer(): Promise<BuildContainer> {
    if (this.#container !== undefined) return this.#container;
    const container = await this.#createContainer(this.#base ?? "");
    this.#container = container;
    // Without its container the running command ends, and the build with it.
    const end = () => void container.remove().catch(() => undefined);
    this.#site.abandoned.addEventListener("abort", end, { once: true });
    return container;
  }

  #createContainer(image: string): Promise<BuildContainer> {
    const { docker, instance } = this.#site;
    return BuildContainer.create(docker, { image, instance, shell: this.#config.shell });
  }

  async finish(): Promise<string> {
    if (this.#base === undefined) throw new DockerfileError("a layer needs a FROM");
    if (this.#container === undefined && !this.#config.changed) return this.#base;
    const container = await this.#buildContainer();
    return container.commit(this.#config.result(this.#site.labels));
  }

  async cleanUp(): Promise<void> {
    await this.#container?.remove();
  }
}
