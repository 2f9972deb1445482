import { PassThrough } from "node:stream";
import type { App, Image, ModalClient } from "modal";
import { readRecords } from "../src/state/collection.ts";
import type { ImageRecord } from "../src/state/records.ts";
import { TestEmulator } from "./test-emulator.ts";

/** An emulator, a client of it, and a base image for tests to put layers on. */
export class ImageBench {
  readonly emulator: TestEmulator;
  readonly #env: NodeJS.ProcessEnv;
  client: ModalClient;
  app: App;
  base: Image;

  private constructor(
    emulator: TestEmulator,
    env: NodeJS.ProcessEnv,
    client: ModalClient,
    app: App,
    base: Image,
  ) {
    this.emulator = emulator;
    this.#env = env;
    this.client = client;
    this.app = app;
    this.base = base;
  }

  /** Starts an emulator. Tests end it with `cleanUp`. */
  static async start(env: NodeJS.ProcessEnv = {}): Promise<ImageBench> {
    const emulator = await TestEmulator.start(env);
    const client = await emulator.client();
    const { app, image } = await emulator.appAndImage(client);
    return new ImageBench(emulator, env, client, app, image);
  }

  /** Kills the emulator and starts it on the same state. */
  async restart(): Promise<void> {
    await this.emulator.kill();
    await this.emulator.startProcess(this.#env);
    this.client = await this.emulator.client();
    ({ app: this.app, image: this.base } = await this.emulator.appAndImage(this.client));
  }

  /** A layer on the base that nobody else builds. */
  layer(commands: string[], params?: Parameters<Image["dockerfileCommands"]>[1]): Image {
    return this.base.dockerfileCommands([uniqueCommand(), ...commands], params);
  }

  /** Asks for a layer on the base as the SDK does, without waiting for its build. */
  async startBuild(commands: string[], forceBuild = false): Promise<string> {
    const { imageId } = await this.client.cpClient.imageGetOrCreate({
      appId: this.app.appId,
      image: {
        dockerfileCommands: ["FROM base", ...commands],
        baseImages: [{ dockerTag: "base", imageId: this.base.imageId }],
      },
      builderVersion: "2025.06",
      forceBuild,
    });
    return imageId;
  }

  /** Follows a build to its end, or until `enough` lines of its log. */
  async follow(imageId: string, { lastEntryId = "", enough = Infinity, timeout = 55 } = {}) {
    const lines: string[] = [];
    let entryId = lastEntryId;
    const request = { imageId, timeout, lastEntryId };
    for await (const message of this.client.cpClient.imageJoinStreaming(request)) {
      lines.push(...message.taskLogs.map(({ data }) => data.trimEnd()));
      if (message.entryId !== "") ({ entryId } = message);
      if (message.result) return { lines, entryId, result: message.result, eof: message.eof };
      if (lines.length >= enough) break;
    }
    return { lines, entryId, result: undefined, eof: false };
  }

  /** The message with which building fails. */
  async failure(image: Image): Promise<string> {
    const error: unknown = await image.build(this.app).catch((reason: unknown) => reason);
    if (!(error instanceof Error)) throw new Error("the build did not fail");
    return error.message;
  }

  /** The emulator's record of an image. */
  record(imageId: string): ImageRecord {
    const records = readRecords<ImageRecord>(`${this.emulator.directory}/images`);
    const found = records.find(({ id }) => id === imageId);
    if (found === undefined) throw new Error(`no record of ${imageId}`);
    return found;
  }

  /** The engine's image. */
  engineImage(imageId: string) {
    return this.emulator.docker.getImage(this.record(imageId).engineTag);
  }

  /** What a command prints in a container of an image, on both its outputs. */
  async run(imageId: string, command: string): Promise<string> {
    const output = new PassThrough();
    const { docker } = this.emulator;
    const { engineTag } = this.record(imageId);
    const [{ StatusCode }] = (await docker.run(engineTag, ["-c", command], output, {
      Entrypoint: ["/bin/sh"],
      Tty: false,
      HostConfig: { AutoRemove: true },
    })) as [{ StatusCode: number }];
    const printed = String(output.read() ?? "");
    if (StatusCode !== 0) throw new Error(`${command} ended with ${StatusCode}: ${printed}`);
    return printed;
  }

  /** Ends the emulator and removes all that it made. */
  async cleanUp(): Promise<void> {
    await this.emulator.cleanUp();
  }
}

let count = 0;

/** A text that was in no test before. */
export function unique(): string {
  return `${process.pid}-${Date.now()}-${count++}`;
}

/** A command that makes a layer another one than all before. */
export function uniqueCommand(): string {
  return `ENV LAYER=${unique()}`;
}
