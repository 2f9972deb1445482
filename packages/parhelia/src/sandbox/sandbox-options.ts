import type { SnapshotRecord } from "../../container/protocol/snapshot.ts";
import type { Project } from "../../container/protocol/workspace.ts";
import type { NetworkRules } from "../config/config.ts";
import type { LoadedConfig } from "../config/load.ts";
import { lockPathFor } from "../config/lock-file.ts";
import { CUDA_PIP_INDEX } from "../config/schema.ts";
import type { Variant } from "../config/variants.ts";
import type { ImageRequest } from "./image.ts";
import type { BroughtProject } from "./workspace/bring-project.ts";
import type { ProjectSource } from "./workspace/find-project.ts";
import type { Target } from "../modal/connection.ts";
import type { BuildLogListener } from "../modal/build-log.ts";
import type { SecretName } from "../modal/secrets.ts";

/** What a sandbox is made of, each with the default that the specification gives (SPEC-01.10). */
export interface ClaudeSandboxOptions {
  /** Name of the session: unique among those that run. */
  readonly taskId: string;
  /** GPU type and count, such as `A10G`. Default: none, the cpu variant. */
  readonly gpu?: string | undefined;
  /** Lifetime, at most 24 h. */
  readonly timeoutHours?: number | undefined;
  /** Default: `local`. */
  readonly target?: Target | undefined;
  /** Modal's App. Default: `parhelia`. */
  readonly appName?: string | undefined;
  /** Modal's environment. Default: the profile's. */
  readonly environment?: string | undefined;
  /** Regions to run in (SPEC-01.11b). Default: any, the cheapest. */
  readonly regions?: readonly string[] | undefined;
  /** Reservation in cores. Default: 4. */
  readonly cpu?: number | undefined;
  /** Reservation in MiB. Default: 16384. */
  readonly memoryMiB?: number | undefined;
  /** Hard limits. Default: none. */
  readonly cpuLimit?: number | undefined;
  readonly memoryLimitMiB?: number | undefined;
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
  /** Named secrets. Default: `anthropic-api-key` and `github-token`, where they exist. */
  readonly secrets?: readonly SecretName[] | undefined;
  /**
   * The secret whose ANTHROPIC_API_KEY Modal puts into requests, so that the sandbox does not have it.
   * Default: none; the key is an environment variable as any other.
   */
  readonly proxiedApiKey?: string | undefined;
  /** What the sandbox may reach. Default: everything. */
  readonly network?: NetworkRules | undefined;
  /** Further environment variables; no secrets. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** What the session works on. Default: an empty directory of its own. */
  readonly project?: ProjectSource | undefined;
  /** Gets what of the project has been sent so far, at last all of it. */
  readonly onProjectProgress?: ((sent: BroughtProject) => void) | undefined;
  /** How often a checkpoint is taken, in ms, in whole seconds; 0: never by itself. Default: 60 000. */
  readonly checkpointIntervalMs?: number | undefined;
  /** The sandbox ends when nothing happened for so long, in ms; 0: it does not. Default: 30 min. */
  readonly idleMs?: number | undefined;
  /** The checkpoint that the session goes on from. Default: it begins. */
  readonly restore?: SessionOrigin | undefined;
  /** The snapshot that its sandbox is made from, where it still fits (SPEC-01.15 (3)). Default: none. */
  readonly snapshot?: SnapshotRecord | undefined;
  /**
   * Begin also where the name has a checkpoint that could be resumed; a tree of before that is in the way of the
   * project is put aside. Default: refuse.
   */
  readonly startAnew?: boolean | undefined;
  /** So many sessions of this owner may run at once in the App; 0: any number. Default: 0. */
  readonly maxSandboxes?: number | undefined;
  /** Start also above `maxSandboxes`. Default: refuse. */
  readonly aboveLimit?: boolean | undefined;
  /** Gets what the user should know of a start that goes on all the same. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** What the image is built from, where none is published yet. */
  readonly image?: Partial<Omit<ImageRequest, "variant">> | undefined;
  /** Gets the output of an image build. */
  readonly onBuildLog?: BuildLogListener | undefined;
  /** Aborting it ends the start; a sandbox that was created is terminated. */
  readonly signal?: AbortSignal | undefined;
}

/** A checkpoint that a session goes on from. */
export interface SessionOrigin {
  readonly session: string;
  readonly checkpointId: string;
  /** The session's working tree in the new sandbox, absolute. */
  readonly workspace: string;
  /** What the session works on; undefined where it has no project. */
  readonly project: Project | undefined;
}

/** An image request's own parts, with the defaults of the configuration. */
export function imageRequest(
  variant: Variant,
  { image }: Pick<ClaudeSandboxOptions, "image">,
): ImageRequest {
  return {
    apt: [],
    pip: ["anthropic"],
    gpuPip: ["torch"],
    gpuPipIndex: CUDA_PIP_INDEX,
    lockPath: lockPathFor(undefined, process.cwd()),
    ...image,
    variant,
  };
}

/** The secrets of the specification (SPEC-01.14), taken where they exist. */
export const DEFAULT_SECRETS: readonly SecretName[] = [
  { name: "anthropic-api-key", required: false },
  { name: "github-token", required: false },
];

/** The options that a user's configuration stands for. */
export function optionsFromConfig(
  taskId: string,
  { config, file }: LoadedConfig,
  cwd: string,
): ClaudeSandboxOptions {
  return {
    taskId,
    target: config.target,
    appName: config.modal.app,
    environment: config.modal.environment,
    regions: config.modal.regions,
    ...config.sandbox,
    timeoutHours: config.sandbox.timeoutMs / 3_600_000,
    checkpointIntervalMs: config.checkpoint.intervalMs,
    volumeName: config.volume.name,
    secrets: config.secrets,
    proxiedApiKey: config.proxiedApiKey,
    network: config.network,
    maxSandboxes: config.limits.maxSandboxes,
    env: config.env,
    image: { ...config.image, lockPath: lockPathFor(file, cwd) },
  };
}
