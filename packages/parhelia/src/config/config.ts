import { HOUR_MS, parseDuration } from "../units.ts";
import type { ConfigValues } from "./schema.ts";

/** Where sandboxes run (decision D3). */
export type Target = "local" | "modal";

/** A named secret that sandboxes get (SPEC-01.14). */
export interface SecretRequest {
  readonly name: string;
  /** True for names that the user wrote: that the secret does not exist is then an error. */
  readonly required: boolean;
}

/** What a sandbox may reach. Without lists: everything, unless it is blocked. */
export interface NetworkRules {
  readonly block: boolean;
  readonly allowDomains: readonly string[] | undefined;
  readonly allowCidrs: readonly string[] | undefined;
}

/** What the user asked for: every setting with its value, units parsed. */
export interface Config {
  readonly target: Target;
  readonly modal: {
    readonly app: string;
    readonly environment: string | undefined;
    /** Empty: anywhere, the cheapest (SPEC-01.11b). */
    readonly regions: readonly string[];
    /** Whether a filesystem snapshot is taken with a session's last checkpoint (SPEC-01.15 (3)). */
    readonly snapshot: boolean;
  };
  readonly sandbox: {
    /** Reservation in cores. */
    readonly cpu: number;
    readonly memoryMiB: number;
    readonly cpuLimit: number | undefined;
    readonly memoryLimitMiB: number | undefined;
    /** Whole seconds, at most 24 h. */
    readonly timeoutMs: number;
    /** How long nothing may happen before it ends; 0: any time. */
    readonly idleMs: number;
  };
  readonly checkpoint: {
    /** How often one is taken; 0: only when something else asks for one. */
    readonly intervalMs: number;
  };
  readonly image: {
    readonly apt: readonly string[];
    readonly pip: readonly string[];
    /** Python packages of the gpu variant, and the index that they come from. */
    readonly gpuPip: readonly string[];
    readonly gpuPipIndex: string;
    /** Exact version; undefined: the lock's. */
    readonly claudeCode: string | undefined;
    readonly bun: string | undefined;
  };
  readonly volume: { readonly name: string };
  readonly secrets: readonly SecretRequest[];
  readonly retention: {
    readonly keepLast: number;
    readonly keepHourly: number;
    readonly keepDaily: number;
    readonly checkpointMaxAgeMs: number;
    readonly maxCheckpointBytes: number | undefined;
    readonly workspaceUnusedMs: number;
  };
  readonly limits: {
    /** So many sessions of one owner may run at once; 0: any number. */
    readonly maxSandboxes: number;
  };
  readonly pool: {
    /** How many prepared sandboxes may wait at once. */
    readonly max: number;
    /** How long one waits before it ends by itself. */
    readonly keepMs: number;
  };
  /** US dollars an hour, and factors. */
  readonly cost: {
    /** When the rates were looked up: `2025-11-01`. */
    readonly asOf: string;
    readonly cpuCoreHour: number;
    readonly memoryGibHour: number;
    readonly gpuHour: Readonly<Record<string, number>>;
    readonly broadRegionFactor: number;
    readonly narrowRegionFactor: number;
  };
  /**
   * The secret whose ANTHROPIC_API_KEY Modal puts into requests, so that the sandbox does not have it;
   * undefined where it is an environment variable as any other.
   */
  readonly proxiedApiKey: string | undefined;
  readonly network: NetworkRules;
  readonly sync: {
    /** Files that are sent although they look like they hold a secret, as the plan names them. */
    readonly allow: readonly string[];
  };
  /** Environment variables of every sandbox; no secrets. */
  readonly env: Readonly<Record<string, string>>;
}

/** From the file's words and texts to the program's. `values` have been checked by the schema. */
export function toConfig(values: ConfigValues, secretsAreRequired: boolean): Config {
  const {
    target,
    modal,
    sandbox,
    checkpoint,
    image,
    volume,
    secrets,
    network,
    retention,
    limits,
    pool,
    cost,
    sync,
    env,
  } = values;
  return {
    target,
    modal: {
      app: modal.app,
      environment: modal.environment,
      regions: modal.region === undefined ? [] : [modal.region].flat(),
      snapshot: modal.snapshot === "filesystem",
    },
    sandbox: {
      cpu: sandbox.cpu,
      memoryMiB: sandbox.memory_mib,
      cpuLimit: sandbox.cpu_limit,
      memoryLimitMiB: sandbox.memory_limit_mib,
      timeoutMs: parseDuration(sandbox.timeout) ?? 0,
      idleMs: parseDuration(sandbox.idle) ?? 0,
    },
    checkpoint: { intervalMs: parseDuration(checkpoint.interval) ?? 0 },
    image: {
      apt: image.apt,
      pip: image.pip,
      gpuPip: image.gpu_pip,
      gpuPipIndex: image.gpu_pip_index,
      claudeCode: image.claude_code,
      bun: image.bun,
    },
    volume,
    secrets: secrets.names.map((name) => ({ name, required: secretsAreRequired })),
    proxiedApiKey: secrets.inject === "proxy" ? secrets.api_key : undefined,
    network: {
      block: network.block,
      allowDomains: network.allow_domains,
      allowCidrs: network.allow_cidrs,
    },
    retention: {
      keepLast: retention.keep_last,
      keepHourly: retention.keep_hourly,
      keepDaily: retention.keep_daily,
      checkpointMaxAgeMs: retention.checkpoint_days * 24 * HOUR_MS,
      maxCheckpointBytes:
        retention.max_checkpoint_gb === undefined ? undefined : retention.max_checkpoint_gb * 1e9,
      workspaceUnusedMs: retention.workspace_days * 24 * HOUR_MS,
    },
    limits: { maxSandboxes: limits.max_sandboxes },
    pool: { max: pool.max, keepMs: parseDuration(pool.keep) ?? 0 },
    cost: {
      asOf: cost.as_of,
      cpuCoreHour: cost.cpu_core_hour,
      memoryGibHour: cost.memory_gib_hour,
      gpuHour: cost.gpu_hour,
      broadRegionFactor: cost.broad_region_factor,
      narrowRegionFactor: cost.narrow_region_factor,
    },
    sync,
    env,
  };
}
