import { readExistingCheckpoint } from "../../container/protocol/existing-checkpoint.ts";
import { checkpointTime } from "../../container/protocol/checkpoint.ts";
import type { SandboxParameters } from "../../container/protocol/sandbox-parameters.ts";
import type { Variant } from "../config/variants.ts";
import { SystemError, UserError } from "../errors.ts";
import { SECOND_MS } from "../units.ts";
import type { ClaudeSandboxOptions } from "./sandbox-options.ts";

/** What a sandbox is told of the session that it is for; init and the checkpoints go by it. */
export function sessionVariables(
  name: string,
  variant: Variant,
  { timeoutMs, expiresAt }: { readonly timeoutMs: number; readonly expiresAt: Date },
  options: ClaudeSandboxOptions & { readonly workspace: string },
): Record<string, string> {
  const { workspace, restore, startAnew, checkpointIntervalMs, idleMs } = options;
  const project = options.project?.project ?? restore?.project;
  return {
    PARHELIA_SESSION: name,
    PARHELIA_VARIANT: variant.name,
    PARHELIA_WORKSPACE: workspace,
    PARHELIA_EXPIRES_AT: expiresAt.toISOString(),
    PARHELIA_SANDBOX: JSON.stringify(parametersOf(variant, timeoutMs, options)),
    PARHELIA_CHECKPOINT_INTERVAL_S: seconds(checkpointIntervalMs ?? DEFAULT_INTERVAL_MS),
    PARHELIA_IDLE_S: seconds(idleMs ?? DEFAULT_IDLE_MS),
    ...(project && { PARHELIA_PROJECT: JSON.stringify(project) }),
    ...(restore && { PARHELIA_RESTORE: `${restore.session}/${restore.checkpointId}` }),
    ...(startAnew === true && { PARHELIA_NEW: "1" }),
  };
}

function parametersOf(
  variant: Variant,
  timeoutMs: number,
  options: ClaudeSandboxOptions,
): SandboxParameters {
  return {
    variant: variant.name,
    gpu: options.gpu ?? null,
    cpu: options.cpu ?? variant.cpu,
    memoryMiB: options.memoryMiB ?? variant.memoryMiB,
    cpuLimit: options.cpuLimit ?? null,
    memoryLimitMiB: options.memoryLimitMiB ?? null,
    timeoutMs,
    regions: options.regions ?? [],
    volume: options.volumeName ?? "parhelia-vol",
    project: options.project?.project ?? options.restore?.project ?? null,
  };
}

const DEFAULT_INTERVAL_MS = 60 * SECOND_MS;
const DEFAULT_IDLE_MS = 30 * 60 * SECOND_MS;

function seconds(durationMs: number): string {
  return `${Math.round(durationMs / SECOND_MS)}`;
}

/** A session that init would not begin, since its name has a checkpoint, is the user's to decide about. */
export function explainStart(name: string, error: unknown): unknown {
  if (!(error instanceof SystemError)) return error;
  const id = readExistingCheckpoint(error.message);
  if (id === undefined) return error;
  const time = checkpointTime(id)?.toISOString();
  return new UserError(`${name} has a checkpoint${time === undefined ? "" : ` of ${time}`}`, {
    hint: `parhelia resume ${name} goes on from it; parhelia up ${name} --new starts afresh`,
    cause: error,
  });
}
