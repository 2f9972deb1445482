import type { LoadedConfig } from "../config/load.ts";
import { logLine } from "../log.ts";
import {
  explainRestore,
  resumedSandbox,
  versionWarning,
  type ResumePlan,
} from "../sandbox/resume-session.ts";
import { formatDuration } from "../units.ts";
import type { CommandContext } from "./command.ts";
import type { ResumeCommandOptions } from "./command-types.ts";
import { startSession } from "./start-session.ts";

export interface CheckpointStart {
  readonly loaded: LoadedConfig;
  readonly plan: ResumePlan;
  /** The session that goes on. */
  readonly name: string;
  readonly options: ResumeCommandOptions;
}

/** Starts the sandbox of a session that goes on from a checkpoint, and says what it goes on from. */
export async function startFromCheckpoint(
  context: CommandContext,
  { loaded, plan, name, options }: CheckpointStart,
): Promise<number> {
  const { modal, sandbox } = loaded.config;
  const given = {
    gpu: options.gpu,
    timeoutHours: options.timeout === undefined ? undefined : sandbox.timeoutMs / 3_600_000,
    regions: options.region === undefined ? undefined : modal.regions,
  };
  const session = await startSession(context, loaded, name, {
    ...resumedSandbox(plan, name, given),
    aboveLimit: options.force,
  }).catch((error: unknown) => {
    throw explainRestore(error);
  });
  try {
    const warning = await versionWarning(session.sandbox, plan);
    if (warning !== undefined) logLine(`warning: ${warning}`);
    const { sandboxId, target, variant, readyMs } = session;
    if (options.json) {
      const checkpoint = `${plan.session}/${plan.id}`;
      const ready = Math.round(readyMs);
      context.printJson({ name, sandboxId, target, variant, readyMs: ready, checkpoint });
      return 0;
    }
    const since = formatDuration(Math.max(0, Date.now() - Date.parse(plan.state.createdAt)));
    logLine(`${name} goes on from checkpoint ${plan.id}, ${since} ago; parhelia attach ${name}`);
    if (plan.state.conversations > 0) {
      logLine(`parhelia run ${name} --continue "go on" continues its conversation`);
    }
    context.print(name);
    return 0;
  } finally {
    session.close();
  }
}
