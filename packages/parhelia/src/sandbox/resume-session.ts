import { dirname } from "node:path/posix";
import type { CheckpointState } from "../../container/protocol/checkpoint.ts";
import type { SandboxParameters } from "../../container/protocol/sandbox-parameters.ts";
import { checkSessionName } from "../config/session-name.ts";
import { SystemError, UserError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { findSandbox, type Sandbox, type Volume } from "../modal/sandboxes.ts";
import { requireVolume } from "../modal/volumes.ts";
import { checkpointSession, type CheckpointOptions } from "./checkpoint-session.ts";
import { chooseCheckpoint, damagedCheckpoint } from "./choose-checkpoint.ts";
import { runInSandbox } from "./exec.ts";
import type { ClaudeSandboxOptions } from "./sandbox-options.ts";
import { readStoredSession, type StoredSession } from "./stored-checkpoints.ts";

/** A checkpoint that a session is to go on from, and what its sandbox was. */
export interface ResumePlan {
  readonly session: string;
  readonly id: string;
  readonly state: CheckpointState;
  readonly volume: Volume;
  /** Everything that the volume has of the session. */
  readonly stored: StoredSession;
}

/** `snapshot` concerns only a fork, which takes a checkpoint of a session that runs. */
export interface ResumeOptions extends CheckpointOptions {
  /** An id, an ISO time or `10m ago`: the newest checkpoint that is not younger. Default: the newest. */
  readonly at?: string | undefined;
}

/**
 * Finds the checkpoint that a session goes on from.
 * @throws UserError when the session runs, has no checkpoint, or the volume is not there
 * @throws SystemError when the checkpoint is damaged, naming the newest good one before it
 */
export async function planResume(
  connection: Connection,
  name: string,
  options: ResumeOptions = {},
): Promise<ResumePlan> {
  checkSessionName(name);
  const [running, plan] = await Promise.all([
    findSandbox(connection, name),
    plannedFrom(connection, name, options).catch((error: unknown) => ({ error })),
  ]);
  if (running !== undefined) {
    throw new UserError(`session ${name} is running already`, {
      hint: `parhelia attach ${name} shows it; parhelia fork ${name} NEW makes a second one of it`,
    });
  }
  if ("error" in plan) throw plan.error;
  return plan;
}

/**
 * Finds the checkpoint that a second session begins with; where the first one runs, it is taken now.
 * @throws as `planResume` does, but not for a session that runs
 */
export async function planFork(
  connection: Connection,
  name: string,
  options: ResumeOptions = {},
): Promise<ResumePlan> {
  const running = options.at === undefined ? await findSandbox(connection, name) : undefined;
  const taken = running && (await checkpointSession(connection, name, options));
  return plannedFrom(connection, name, { ...options, at: options.at ?? taken?.id ?? undefined });
}

async function plannedFrom(
  connection: Connection,
  session: string,
  { volumeName = "parhelia-vol", at }: ResumeOptions,
): Promise<ResumePlan> {
  const volume = await requireVolume(connection, volumeName);
  const stored = await readStoredSession(connection, volume, session);
  const { id, state } = chooseCheckpoint(session, stored, at);
  if (state === undefined) throw damagedCheckpoint(session, stored.checkpoints, id, "no state");
  return { session, id, state, volume, stored };
}

/** What the sandbox of a plan is like: what the checkpoint's was; what is given now comes before that. */
export function resumedSandbox(
  { session, id, state }: ResumePlan,
  name: string,
  given: Pick<ClaudeSandboxOptions, "gpu" | "timeoutHours" | "regions">,
): Partial<ClaudeSandboxOptions> {
  const before = (state.sandbox ?? {}) as Partial<SandboxParameters>;
  const { directory } = state.workspace;
  return {
    gpu: given.gpu ?? before.gpu ?? undefined,
    ...defined({
      cpu: before.cpu,
      memoryMiB: before.memoryMiB,
      cpuLimit: before.cpuLimit ?? undefined,
      memoryLimitMiB: before.memoryLimitMiB ?? undefined,
      timeoutHours:
        given.timeoutHours ??
        (before.timeoutMs === undefined ? undefined : before.timeoutMs / 3_600_000),
      regions: given.regions ?? before.regions,
    }),
    restore: {
      session,
      checkpointId: id,
      // Beside the first one's, so that both stay in their project.
      workspace: name === session ? directory : `${dirname(directory)}/${name}`,
      project: before.project ?? undefined,
    },
  };
}

/** What init says of a checkpoint whose digests do not fit, and of the one that does. */
const DAMAGED = /^(checkpoint \S+ of session \S+ is damaged: .*); (.*)$/m;

/** A start that failed since the checkpoint is damaged says which one is not. */
export function explainRestore(error: unknown): unknown {
  const [, message, hint] = (error instanceof SystemError && DAMAGED.exec(error.message)) || [];
  if (message === undefined || hint === undefined) return error;
  return new SystemError(message, { hint, cause: error });
}

/** What a person should know of a resumed session: undefined where Claude Code is the same as before. */
export async function versionWarning(
  sandbox: Sandbox,
  { state }: ResumePlan,
): Promise<string | undefined> {
  const before = state.versions.claudeCode;
  const { stdout } = await runInSandbox({ sandbox }, ["claude", "--version"], { cwd: "/" });
  const now = stdout.trim().split(" ")[0] ?? "";
  if (before === null || now === "" || before === now) return undefined;
  return `the checkpoint is of Claude Code ${before}, and the image has ${now}`;
}

function defined<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined),
  ) as never;
}
