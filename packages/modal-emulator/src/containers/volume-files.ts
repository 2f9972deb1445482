import { posix } from "node:path";
import type Docker from "dockerode";
import { ServerError, Status } from "nice-grpc";
import tar, { type Header } from "tar-stream";
import type { EmulatorContext } from "../context.ts";
import type { VolumeRecord } from "../state/records.ts";
import { obtainImage } from "./base-image.ts";
import { BuildLog } from "./build-log.ts";
import { ignoreStatus, withEngine } from "./engine-errors.ts";
import { removeContainer } from "./remove-container.ts";
import { STAGE } from "./keeper-scripts.ts";
import { labels } from "./labels.ts";
import { statPath, type PathKind, type PathStat } from "./path-stat.ts";

/** Where the volume lies in the containers that are made here. */
const MOUNT_PATH = "/volume";

/** Something in a volume. */
export interface VolumeEntry {
  /** From the volume's root, without a slash before it. */
  readonly path: string;
  readonly kind: PathKind;
  /** Bytes. */
  readonly size: number;
  readonly modifiedAt: Date;
}

/**
 * The files of volumes, for clients that run no sandbox. The engine gives files of a volume only through a
 * container that mounts it: one is made for each volume at the first need, from an empty image, and never
 * started.
 */
export class VolumeFiles {
  readonly #context: EmulatorContext;
  /** What makes a volume's container just now, by the volume's identifier. */
  readonly #creations = new Map<string, Promise<void>>();

  constructor(context: EmulatorContext) {
    this.#context = context;
  }

  /** What is at a path of the volume; undefined where nothing is. */
  stat(volume: VolumeRecord, path: string): Promise<PathStat | undefined> {
    return this.#withEngine(async (docker) => {
      const look = () => statPath(docker.getContainer(this.#name(volume)), inMount(path));
      const found = await look();
      if (found !== undefined) return found;
      // Nothing there, or no container yet: an answer without a body does not say which.
      await this.#containerOf(docker, volume);
      return look();
    });
  }

  /** The bytes `[start, end)` of a regular file that `stat` has found. */
  async *read(volume: VolumeRecord, path: string, start: number, end: number) {
    let position = 0;
    for await (const { header, content } of this.#archive(volume, path)) {
      if (header.type !== "file") return;
      for await (const chunk of content) {
        const part = chunk.subarray(Math.max(0, start - position), Math.max(0, end - position));
        position += chunk.length;
        if (part.length > 0) yield part;
        if (position >= end) return;
      }
    }
  }

  /**
   * What is in a directory that `stat` has found, or the file itself. The engine sends content and all, so
   * that this takes the longer the more there is below the directory.
   */
  async *list(volume: VolumeRecord, path: string, recursive: boolean): AsyncGenerator<VolumeEntry> {
    const root = posix.join("/", path).slice(1);
    const sizes = new Map<string, number>();
    for await (const { header, content } of this.#archive(volume, path)) {
      content.resume();
      // A second name of a file comes without the size.
      const size = sizes.get(header.type === "link" ? header.linkname : "") ?? header.size;
      sizes.set(header.name, size);
      const below = header.name.split("/").slice(1).join("/").replace(/\/$/, "");
      const isRoot = below === "";
      if (root === "" && below.split("/", 1)[0] === STAGE) continue;
      if (isRoot ? header.type === "directory" : !recursive && below.includes("/")) continue;
      yield {
        path: posix.join(root, below),
        kind: kindOf(header),
        size,
        modifiedAt: header.mtime,
      };
    }
  }

  /**
   * Removes what is at a path, with all that is below it. That takes a program, which an image of the client
   * lends.
   * @throws ServerError FAILED_PRECONDITION where no image was built yet, or nothing could be removed
   */
  async remove(volume: VolumeRecord, path: string): Promise<void> {
    const { images, credentials } = this.#context.store;
    const newest = images.values().sort((a, b) => b.createdAtMs - a.createdAtMs)[0];
    if (newest === undefined) {
      throw new ServerError(
        Status.FAILED_PRECONDITION,
        "files are removed with a program of an image, and there is none yet: build one first",
      );
    }
    await this.#withEngine(async (docker) => {
      const container = await docker.createContainer({
        Image: newest.engineTag,
        Entrypoint: ["rm", "-rf", "--", inMount(path)],
        Cmd: [],
        User: "0",
        NetworkDisabled: true,
        Labels: labels(credentials.instance, "helper"),
        HostConfig: { Mounts: [mount(volume)] },
      });
      try {
        await container.start();
        const { StatusCode } = (await container.wait()) as { StatusCode: number };
        if (StatusCode === 0) return;
        const output = await container.logs({ stdout: true, stderr: true });
        throw new ServerError(
          Status.FAILED_PRECONDITION,
          `'${path}' was not removed: ${output.subarray(8).toString().trim()}`,
        );
      } finally {
        await removeContainer(docker, container.id);
      }
    });
  }

  /** Removes the volume's container: it would keep the engine from removing the volume. */
  async release(docker: Docker, volume: VolumeRecord): Promise<void> {
    await removeContainer(docker, this.#name(volume));
  }

  /** The entries at and below a path, as the engine's archive has them. */
  async *#archive(volume: VolumeRecord, path: string) {
    const archive = await this.#withEngine((docker) =>
      docker.getContainer(this.#name(volume)).getArchive({ path: inMount(path) }),
    );
    const extract = tar.extract();
    archive.on("error", (error: Error) => extract.destroy(error));
    archive.pipe(extract);
    try {
      for await (const content of extract) {
        yield {
          header: content.header,
          content: content as typeof content & AsyncIterable<Buffer>,
        };
      }
    } finally {
      (archive as { destroy?: () => void }).destroy?.();
    }
  }

  /** Sees to it that the volume has its container; who asks meanwhile waits for the same one. */
  #containerOf(docker: Docker, volume: VolumeRecord): Promise<void> {
    const running = this.#creations.get(volume.id);
    if (running !== undefined) return running;
    const creation = this.#createContainer(docker, volume).finally(() =>
      this.#creations.delete(volume.id),
    );
    this.#creations.set(volume.id, creation);
    return creation;
  }

  async #createContainer(docker: Docker, volume: VolumeRecord): Promise<void> {
    const { instance } = this.#context.store.credentials;
    const [image] = await Promise.all([
      obtainImage(docker, "scratch", { refresh: false, log: new BuildLog() }),
      docker.createVolume({ Name: volume.engineVolume, Labels: labels(instance, "volume") }),
    ]);
    const creation = docker.createContainer({
      name: this.#name(volume),
      Image: image,
      Cmd: ["never started"],
      Labels: labels(instance, "helper"),
      HostConfig: { Mounts: [mount(volume)] },
    });
    await ignoreStatus([409], creation); // it was there, and the path is not
  }

  #withEngine<T>(action: (docker: Docker) => Promise<T>): Promise<T> {
    return withEngine(this.#context.engine, ({ docker }) => action(docker));
  }

  #name(volume: VolumeRecord): string {
    return `modal-emulator-${this.#context.store.credentials.instance}-files-${volume.id}`;
  }
}

/** The path in our containers; it cannot lead out of the volume. */
function inMount(path: string): string {
  return posix.join(MOUNT_PATH, posix.join("/", path));
}

function mount({ engineVolume }: VolumeRecord): Docker.MountSettings {
  return {
    Type: "volume",
    Source: engineVolume,
    Target: MOUNT_PATH,
    // A volume begins empty on Modal; the engine would fill it with what the image has there.
    VolumeOptions: { NoCopy: true } as NonNullable<Docker.MountSettings["VolumeOptions"]>,
  };
}

const KINDS: Partial<Record<Header["type"], PathKind>> = {
  file: "file",
  "contiguous-file": "file",
  link: "file", // a second name of a file that the archive has before
  directory: "directory",
  symlink: "symlink",
};

function kindOf({ type }: Header): PathKind {
  return KINDS[type] ?? "other";
}
