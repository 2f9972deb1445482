import { randomBytes } from "node:crypto";
import { posix } from "node:path";
import { Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import tar from "tar-stream";
import { EMULATOR_DIRECTORY, putCaBundle } from "./ca-bundle.ts";
import { backoffMs } from "./container-watch.ts";
import { isEngineGone } from "./engine-connection.ts";
import { ignoreStatus } from "./engine-errors.ts";
import { removeContainer } from "./remove-container.ts";
import type { ImageConfig } from "./image-config.ts";
import { imageRepository, INSTANCE_LABEL, KIND_LABEL, labels } from "./labels.ts";
import { statPath } from "./path-stat.ts";

/** On a build's container: the emulator process that builds. */
const BUILDER_LABEL = "modal-emulator.builder";

/** This process. A container with another value belongs to a build that died with its emulator. */
const BUILDER = randomBytes(8).toString("hex");

/** One command of a build. */
export interface BuildCommand {
  readonly words: readonly string[];
  readonly env: readonly string[];
  /** Empty for the image's own. */
  readonly user: string;
  readonly workingDirectory: string;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/**
 * The container that becomes a layer. It is started only for commands, and then does nothing by itself:
 * its process waits for a line on a standard input that nobody writes to, which every shell can.
 */
export class BuildContainer {
  readonly #docker: Docker;
  readonly #container: Docker.Container;
  #started = false;

  private constructor(docker: Docker, container: Docker.Container) {
    this.#docker = docker;
    this.#container = container;
  }

  /** Makes the container, not started. `shell` is what its commands will need anyway. */
  static async create(
    docker: Docker,
    options: { image: string; instance: string; shell: readonly string[] },
  ): Promise<BuildContainer> {
    // A name that is known beforehand: the engine may make it, and go away before it says so.
    const name = `${imageRepository(options.instance)}-build-${randomBytes(8).toString("hex")}`;
    const container = new BuildContainer(docker, docker.getContainer(name));
    const creation = docker.createContainer({
      name,
      Image: options.image,
      // All in the entry point: a Cmd would find its way into the committed image.
      Entrypoint: [...options.shell, "read -r end"],
      OpenStdin: true,
      Labels: { ...labels(options.instance, "build"), [BUILDER_LABEL]: BUILDER },
    });
    try {
      await creation;
      return container;
    } catch (error) {
      await container.remove();
      throw error;
    }
  }

  /** Runs a command to its end and returns its exit status. Its environment leaves no trace in the layer. */
  async run(command: BuildCommand): Promise<number> {
    await this.#start();
    const status = await this.#exec(
      {
        Cmd: [...command.words],
        Env: [...command.env],
        User: command.user,
        WorkingDir: command.workingDirectory,
      },
      command.stdout,
      command.stderr,
    );
    for (const output of [command.stdout, command.stderr]) {
      output.end();
      await finished(output);
    }
    return status;
  }

  async #exec(options: Docker.ExecCreateOptions, stdout: Writable, stderr: Writable) {
    const attached = { ...options, AttachStdout: true, AttachStderr: true };
    const exec = await this.#container.exec(attached);
    const stream = await exec.start({});
    this.#docker.modem.demuxStream(stream, stdout, stderr);
    await finished(stream, { writable: false });
    const { ExitCode } = await exec.inspect();
    return ExitCode ?? 255;
  }

  async #start(): Promise<void> {
    if (this.#started) return;
    await putCaBundle(this.#container);
    await this.#container.start();
    this.#started = true;
  }

  /** What a path leads to, links followed; undefined where nothing is. */
  async find(path: string): Promise<{ path: string; isDirectory: boolean } | undefined> {
    const stat = await statPath(this.#container, path);
    if (stat === undefined) return undefined;
    // The engine has followed all links on the way: one more look is enough.
    if (stat.kind === "symlink") return this.find(stat.linkTarget);
    return { path, isDirectory: stat.kind === "directory" };
  }

  /** Makes a directory and those above it, where there are none. */
  async makeDirectory(path: string): Promise<void> {
    const normal = posix.resolve("/", path);
    if (normal === "/" || (await this.find(normal)) !== undefined) return;
    const parent = posix.dirname(normal);
    await this.makeDirectory(parent);
    const pack = tar.pack();
    pack.entry({ name: `${posix.basename(normal)}/`, type: "directory", mode: 0o755 });
    pack.finalize();
    await this.unpack(parent, Readable.from(pack));
  }

  /** Unpacks an archive into a directory that exists. */
  async unpack(directory: string, archive: Readable): Promise<void> {
    await this.#container.putArchive(archive, { path: directory });
  }

  /** The files at a path, as an archive whose first entry is the path's own name. */
  async pack(path: string): Promise<NodeJS.ReadableStream> {
    return this.#container.getArchive({ path });
  }

  /** Ends all processes and makes an image with exactly this configuration; returns its identifier. */
  async commit(config: ImageConfig): Promise<string> {
    if (this.#started) {
      await this.#removeEmulatorDirectory();
      await ignoreStatus([409], this.#container.kill()); // 409: has ended by itself
    }
    // The engine adds the container's labels to the image's; these must not stay in it.
    const own = { ...config.Labels, [INSTANCE_LABEL]: "", [KIND_LABEL]: "image" };
    const { Id } = (await this.#container.commit({
      _query: { container: this.#container.id },
      _body: { ...config, Labels: { ...own, [BUILDER_LABEL]: "" } },
    })) as { Id: string };
    return Id;
  }

  /** As root and by its path: the layer's own user and PATH may be anything. */
  async #removeEmulatorDirectory(): Promise<void> {
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const Cmd = ["/bin/rm", "-rf", EMULATOR_DIRECTORY];
    await this.#exec({ Cmd, User: "0", WorkingDir: "/" }, silent, silent);
  }

  /** Removes the container; where the engine does not answer, as soon as it does again. */
  async remove(): Promise<void> {
    try {
      await this.#removeNow();
    } catch (error) {
      if (!isEngineGone(error)) throw error;
      void this.#removeLater();
    }
  }

  async #removeNow(): Promise<void> {
    await ignoreStatus([404, 409], this.#container.remove({ force: true, v: true }));
  }

  /** Until it has worked, or the emulator has ended: the next one finds what is left. */
  async #removeLater(): Promise<void> {
    for (let failures = 0; ; failures++) {
      await delay(backoffMs(failures), undefined, { ref: false });
      try {
        await this.#removeNow();
        return;
      } catch {
        // The engine is still away.
      }
    }
  }
}

/** Removes the containers of builds that died with their emulator; returns how many. */
export async function removeLeftoverBuilds(docker: Docker, instance: string): Promise<number> {
  const containers = await docker.listContainers({
    all: true,
    filters: { label: [`${INSTANCE_LABEL}=${instance}`, `${KIND_LABEL}=build`] },
  });
  const leftover = containers.filter(({ Labels }) => Labels[BUILDER_LABEL] !== BUILDER);
  for (const { Id } of leftover) {
    await removeContainer(docker, Id);
  }
  return leftover.length;
}
