import type { Duplex } from "node:stream";
import type Docker from "dockerode";
import { ServerError, Status } from "nice-grpc";
import type { Store } from "../state/store.ts";
import { caTrust, putCaBundle, type CaTrust } from "./ca-bundle.ts";
import { attachToContainer } from "./engine-attach.ts";
import { removeContainer } from "./remove-container.ts";
import { engineMessage, engineStatus } from "./engine-errors.ts";
import type { Engine } from "./engine.ts";
import { gpuDevices } from "./gpu.ts";
import { labels, SANDBOX_LABEL } from "./labels.ts";
import { openViews, removeViews, type OpeningViews, type VolumeBind } from "./volume-views.ts";

/** What a sandbox's container is made from. */
export interface ContainerPlan {
  readonly sandboxId: string;
  /** Tag of the image in the engine. */
  readonly engineTag: string;
  /** Replaces the image's CMD; its ENTRYPOINT stays. Empty: sleep for ever. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string | undefined;
  readonly isTerminal: boolean;
  readonly hasNetwork: boolean;
  readonly volumes: readonly VolumeBind[];
  /** Seconds between background commits of the sandbox's views. Undefined: it mounts the volumes directly. */
  readonly commitIntervalS: number | undefined;
  readonly resources: ContainerResources;
}

/** What a sandbox may use. 0 stands for nothing asked for. */
export interface ContainerResources {
  /** Reservations: they order who gets what when it is scarce, and never refuse a sandbox. */
  readonly milliCpu: number;
  readonly memoryMiB: number;
  /** Limits. */
  readonly milliCpuMax: number;
  readonly memoryMiBMax: number;
  /** GPUs, of whatever type the machine has. */
  readonly gpuCount: number;
}

/** Longer than any sandbox may live: a sleep that all of busybox's versions understand. */
const SLEEP_FOR_EVER = ["sleep", "172800"];

/** The engine's own copy of the output is only needed while no emulator runs: bounded, recent. */
const LOG_CONFIG = { Type: "json-file", Config: { "max-size": "16m", "max-file": "2" } };

const MIB = 1024 * 1024;

/** The name under which the engine knows a sandbox's container. */
export function containerName(instance: string, sandboxId: string): string {
  return `modal-emulator-${instance}-${sandboxId}`;
}

/**
 * Creates and starts a sandbox's container.
 * @returns the connection to its output, which has all of it from the first byte on
 * @throws ServerError where what was asked for cannot be; nothing is left behind then
 */
export async function startSandboxContainer(
  store: Store,
  engine: Engine,
  plan: ContainerPlan,
): Promise<Duplex> {
  const trust = caTrust(store, engine);
  const { instance } = store.credentials;
  const [imageVariables, hostCores] = await Promise.all([
    imageVariableNames(engine, plan.engineTag),
    plan.resources.milliCpuMax === 0 ? 0 : coreCount(engine),
    ...plan.volumes.map(({ engineVolume }) => ensureVolume(engine, instance, engineVolume)),
  ]);
  const views = await viewsOf(engine, instance, plan);
  const mounts = views?.mounts ?? plan.volumes.map(mountSettings);
  const facts = { trust, imageVariables, hostCores, mounts };
  for (;;) {
    const lacking = lackingFeatures(engine);
    const options = containerOptions(instance, engine, plan, facts);
    try {
      return await createAndStart(engine, options, trust, views);
    } catch (error) {
      await removeContainer(engine.docker, containerName(instance, plan.sandboxId));
      const feature = missingFeature(error);
      if (feature === undefined || lacking.has(feature)) {
        await removeViews(engine.docker, instance, (id) => id !== plan.sandboxId);
        throw explainStart(error);
      }
      lacking.add(feature); // and once more without
    }
  }
}

/** Undefined where the sandbox mounts its volumes directly, or has none. */
async function viewsOf(
  engine: Engine,
  instance: string,
  { sandboxId, engineTag, volumes, commitIntervalS }: ContainerPlan,
): Promise<OpeningViews | undefined> {
  if (commitIntervalS === undefined || volumes.length === 0) return undefined;
  const plan = { sandboxId, engineTag, volumes, commitIntervalS };
  return openViews(engine.docker, instance, plan);
}

async function createAndStart(
  engine: Engine,
  options: Docker.ContainerCreateOptions,
  trust: CaTrust,
  views: OpeningViews | undefined,
): Promise<Duplex> {
  const container = await engine.docker.createContainer(options);
  await views?.install(container);
  if (trust.binds.length === 0) await putCaBundle(container);
  const socket = await attachToContainer(container, "output");
  try {
    await container.start();
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket;
}

interface EngineFacts {
  readonly trust: CaTrust;
  readonly imageVariables: ReadonlySet<string>;
  readonly hostCores: number;
  readonly mounts: Docker.MountSettings[];
}

function containerOptions(
  instance: string,
  engine: Engine,
  plan: ContainerPlan,
  { trust, imageVariables, hostCores, mounts }: EngineFacts,
): Docker.ContainerCreateOptions {
  const trustEnv = Object.entries(trust.env).filter(([name]) => !imageVariables.has(name));
  const env = { ...Object.fromEntries(trustEnv), ...plan.env };
  const lacking = lackingFeatures(engine);
  return {
    name: containerName(instance, plan.sandboxId),
    Image: plan.engineTag,
    Cmd: plan.command.length > 0 ? [...plan.command] : SLEEP_FOR_EVER,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...labels(instance, "sandbox"), [SANDBOX_LABEL]: plan.sandboxId },
    Tty: plan.isTerminal,
    // Standard input stays open until somebody who wrote to it goes away.
    OpenStdin: true,
    StdinOnce: true,
    StopSignal: "SIGTERM",
    ...(plan.workdir === undefined ? {} : { WorkingDir: plan.workdir }),
    HostConfig: {
      Init: !lacking.has("init"),
      Binds: [...trust.binds],
      Mounts: mounts,
      NetworkMode: plan.hasNetwork ? "bridge" : "none",
      ...(plan.hasNetwork && !lacking.has("host-gateway")
        ? { ExtraHosts: ["host.docker.internal:host-gateway"] }
        : {}),
      ...(lacking.has("log-config") ? {} : { LogConfig: LOG_CONFIG }),
      ...resourceSettings(plan.resources, hostCores),
    },
  };
}

function mountSettings(volume: VolumeBind): Docker.MountSettings {
  const { engineVolume, mountPath, readOnly, subPath } = volume;
  return {
    Type: "volume",
    Source: engineVolume,
    Target: mountPath,
    ReadOnly: readOnly,
    // A volume begins empty on Modal; the engine would fill it with what the image has there.
    VolumeOptions: {
      NoCopy: true,
      ...(subPath === undefined ? {} : { Subpath: subPath }),
    } as unknown as NonNullable<Docker.MountSettings["VolumeOptions"]>,
  };
}

function resourceSettings(
  { milliCpu, memoryMiB, milliCpuMax, memoryMiBMax, gpuCount }: ContainerResources,
  hostCores: number,
): Docker.HostConfig {
  return {
    ...(milliCpu > 0 ? { CpuShares: Math.max(2, Math.round(milliCpu * 1.024)) } : {}),
    ...(memoryMiB > 0 ? { MemoryReservation: memoryMiB * MIB } : {}),
    // An engine refuses more cores than there are.
    ...(milliCpuMax > 0 ? { NanoCpus: Math.min(milliCpuMax, hostCores * 1_000) * 1_000_000 } : {}),
    ...(memoryMiBMax > 0 ? { Memory: memoryMiBMax * MIB, MemorySwap: memoryMiBMax * MIB } : {}),
    DeviceRequests: gpuDevices(gpuCount),
  };
}

/** What not every engine has, and sandboxes can do without. */
type Feature = "init" | "host-gateway" | "log-config";

/** What an engine was found to lack, what its image variables and cores are, which volumes it has. */
interface EngineMemory {
  readonly lacking: Set<Feature>;
  readonly imageVariables: Map<string, ReadonlySet<string>>;
  readonly volumes: Set<string>;
  cores: number | undefined;
}

const memories = new WeakMap<Engine, EngineMemory>();

function memoryOf(engine: Engine): EngineMemory {
  const known = memories.get(engine);
  if (known !== undefined) return known;
  const memory: EngineMemory = {
    lacking: new Set(),
    imageVariables: new Map(),
    volumes: new Set(),
    cores: undefined,
  };
  memories.set(engine, memory);
  return memory;
}

function lackingFeatures(engine: Engine): Set<Feature> {
  return memoryOf(engine).lacking;
}

function missingFeature(error: unknown): Feature | undefined {
  const message = engineMessage(error);
  if (/(docker|container)-init/.test(message)) return "init";
  if (/host-gateway|add-host/.test(message)) return "host-gateway";
  if (/log[- ]?(opt|driver|config)/i.test(message)) return "log-config";
  return undefined;
}

/** The variables that an image sets itself: those stay as they are. */
async function imageVariableNames(engine: Engine, tag: string): Promise<ReadonlySet<string>> {
  const { imageVariables } = memoryOf(engine);
  const known = imageVariables.get(tag);
  if (known !== undefined) return known;
  try {
    const { Config } = await engine.docker.getImage(tag).inspect();
    const names = new Set(
      (Config.Env as string[] | null)?.map((line) => line.split("=", 1)[0] ?? ""),
    );
    imageVariables.set(tag, names);
    return names;
  } catch (error) {
    if (engineStatus(error) !== 404) throw error;
    throw new ServerError(
      Status.NOT_FOUND,
      `the image is gone from the container engine at ${engine.address}; build it again`,
    );
  }
}

async function coreCount(engine: Engine): Promise<number> {
  const memory = memoryOf(engine);
  memory.cores ??= ((await engine.docker.info()) as { NCPU: number }).NCPU;
  return memory.cores;
}

/** Makes the engine's volume, with our labels, unless this process has done so before. */
async function ensureVolume(engine: Engine, instance: string, name: string): Promise<void> {
  const { volumes } = memoryOf(engine);
  if (volumes.has(name)) return;
  await engine.docker.createVolume({ Name: name, Labels: labels(instance, "volume") });
  volumes.add(name);
}

function explainStart(error: unknown): unknown {
  const status = engineStatus(error);
  if (status === undefined) return error;
  const message = engineMessage(error);
  const isRequest = status === 400 || /OCI runtime create failed/.test(message);
  return new ServerError(
    isRequest ? Status.INVALID_ARGUMENT : Status.FAILED_PRECONDITION,
    `the sandbox could not be started: ${message}`,
  );
}
