import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import type { App, Image, ModalClient } from "modal";
import { ChannelCredentials, createChannel, createClientFactory, Metadata } from "nice-grpc";
import { ModalClientDefinition, type ModalClientClient } from "../src/generated/modal_client.ts";
import {
  TaskCommandRouterDefinition,
  type TaskCommandRouterClient,
} from "../src/generated/task_command_router.ts";
import { findEngine } from "../src/containers/engine.ts";
import { removeContainer } from "../src/containers/remove-container.ts";
import { imageRepository, INSTANCE_LABEL } from "../src/containers/labels.ts";
import { readServerFile } from "../src/server-file.ts";
import type { Credentials } from "../src/state/store.ts";

const MAIN = join(import.meta.dirname, "../src/main.ts");
const BASE_IMAGE = "debian:bookworm-slim";
const START_TIMEOUT_MS = 15_000;

/** An emulator in a process and a state directory of its own, and the unmodified SDK to speak to it. */
export class TestEmulator {
  readonly directory = mkdtempSync(join(tmpdir(), "modal-emulator-test-"));
  readonly docker: Docker;
  #process: ChildProcess | undefined;
  readonly #clients: ModalClient[] = [];
  readonly #channels: { close(): void }[] = [];

  private constructor(docker: Docker) {
    this.docker = docker;
  }

  /** Starts one. Tests end it with `cleanUp`. */
  static async start(env: NodeJS.ProcessEnv = {}): Promise<TestEmulator> {
    const { docker } = await findEngine();
    const emulator = new TestEmulator(docker);
    try {
      await emulator.startProcess(env);
    } catch (error) {
      rmSync(emulator.directory, { recursive: true });
      throw error;
    }
    return emulator;
  }

  /** Starts the process, after `kill` again on the same state. */
  async startProcess(env: NodeJS.ProcessEnv = {}): Promise<void> {
    const child = spawn(process.execPath, [MAIN, "serve", "--state", this.directory], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, NODE_NO_WARNINGS: "1", ...env },
    });
    this.#process = child;
    const deadlineMs = Date.now() + START_TIMEOUT_MS;
    while (readServerFile(this.directory)?.pid !== child.pid) {
      if (Date.now() > deadlineMs || child.exitCode !== null) throw new Error("it did not start");
      await delay(10);
    }
  }

  /** SIGKILL: nothing in the process can be put in order before. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#process === undefined) return;
    const ended = once(this.#process, "exit");
    this.#process.kill(signal);
    await ended;
    this.#process = undefined;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get credentials(): Credentials {
    return JSON.parse(
      readFileSync(join(this.directory, "credentials.json"), "utf8"),
    ) as Credentials;
  }

  /** The SDK's module. It reads its profile when it is imported: hence not before. */
  async modal() {
    process.env["MODAL_SERVER_URL"] = `http://127.0.0.1:${this.#port}`;
    process.env["MODAL_TOKEN_ID"] = this.credentials.tokenId;
    process.env["MODAL_TOKEN_SECRET"] = this.credentials.tokenSecret;
    process.env["MODAL_LOGLEVEL"] = "error";
    return import("modal");
  }

  /** The SDK as a program would use it. */
  async client(): Promise<ModalClient> {
    const { ModalClient: Client } = await this.modal();
    const client = new Client();
    this.#clients.push(client);
    return client;
  }

  /** An App and an image to start sandboxes from. */
  async appAndImage(client: ModalClient): Promise<{ app: App; image: Image }> {
    const app = await client.apps.fromName("test-app", { createIfMissing: true });
    const image = await client.images.fromRegistry(BASE_IMAGE).build(app);
    return { app, image };
  }

  /** The control plane, message by message, with metadata as a request of the SDK has it. */
  controlPlane(metadata: Record<string, string> = {}): ModalClientClient {
    const credentials = ChannelCredentials.createInsecure();
    const channel = createChannel(`127.0.0.1:${this.#port}`, credentials);
    this.#channels.push(channel);
    const { tokenId, tokenSecret } = this.credentials;
    const tokens = { "x-modal-token-id": tokenId, "x-modal-token-secret": tokenSecret };
    return createClientFactory().create(ModalClientDefinition, channel, {
      "*": { metadata: Metadata({ ...tokens, ...metadata }) },
    });
  }

  /** A sandbox's command router, message by message. */
  async router(client: ModalClient, sandboxId: string): Promise<TestRouter> {
    const { taskId = "" } = await client.cpClient.sandboxGetTaskIdV2({ sandboxId });
    const { jwt } = await client.cpClient.sandboxGetCommandRouterAccess({ sandboxId });
    const credentials = ChannelCredentials.createInsecure();
    const channel = createChannel(`127.0.0.1:${this.#port}`, credentials, {
      "grpc.max_receive_message_length": -1,
    });
    this.#channels.push(channel);
    const metadata = Metadata({ authorization: `Bearer ${jwt}` });
    const router = createClientFactory().create(TaskCommandRouterDefinition, channel, {
      "*": { metadata },
    });
    return { router, taskId };
  }

  /** The containers of this emulator, by the engine's own list. */
  async containers(): Promise<Docker.ContainerInfo[]> {
    return this.docker.listContainers({ all: true, filters: { label: [this.#label] } });
  }

  /** Ends the process, and removes what it made in the engine, by its label, and the state. */
  async cleanUp(): Promise<void> {
    for (const connection of [...this.#clients, ...this.#channels]) connection.close();
    await this.kill("SIGTERM");
    await removeEverything(this.docker, this.credentials.instance);
    rmSync(this.directory, { recursive: true });
  }

  get #port(): number {
    return readServerFile(this.directory)?.port ?? 0;
  }

  get #label(): string {
    return `${INSTANCE_LABEL}=${this.credentials.instance}`;
  }
}

/** A command router and the task that it is asked about. */
export interface TestRouter {
  readonly router: TaskCommandRouterClient;
  readonly taskId: string;
}

/** Waits until `isSo`, at most `timeoutMs`. */
export async function until(
  isSo: () => Promise<boolean> | boolean,
  timeoutMs = 10_000,
): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) throw new Error(`not so within ${timeoutMs} ms`);
    await delay(20);
  }
}

/** All bytes of a stream of text or data. */
export async function collect(stream: AsyncIterable<{ data: Uint8Array }>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { data } of stream) parts.push(data);
  return Buffer.concat(parts);
}

async function removeEverything(docker: Docker, instance: string): Promise<void> {
  const filters = { label: [`${INSTANCE_LABEL}=${instance}`] };
  // The engine may be removing one already: it is waited for, since it holds volumes.
  await until(async () => {
    const containers = await docker.listContainers({ all: true, filters });
    await Promise.all(containers.map(({ Id }) => removeContainer(docker, Id)));
    return containers.length === 0;
  });
  const { Volumes } = await docker.listVolumes({ filters });
  await Promise.all(Volumes.map(({ Name }) => docker.getVolume(Name).remove()));
  const repository = imageRepository(instance);
  const images = await docker.listImages({ filters: { reference: [repository] } });
  const tags = images.flatMap(({ RepoTags }) => RepoTags ?? []);
  for (const tag of tags.filter((name) => name.startsWith(`${repository}:`))) {
    await docker.getImage(tag).remove({ force: true });
  }
}
