import type { LoadedConfig } from "../config/load.ts";
import { logLine } from "../log.ts";
import type { GoOnOptions, ResumedSession } from "../sandbox/go-on.ts";
import type { ClaudeSandboxOptions } from "../sandbox/sandbox-options.ts";
import { formatDuration, HOUR_MS } from "../units.ts";
import { announceTarget } from "./acting.ts";
import type { CommandContext } from "./command.ts";
import type { ResumeCommandOptions } from "./command-types.ts";
import { showingProgress } from "./start-session.ts";

export interface CheckpointStart {
  /** The session that goes on. */
  readonly name: string;
  readonly options: ResumeCommandOptions;
  /** `resumeSession`, or a fork. */
  readonly goOn: (options: ClaudeSandboxOptions, given: GoOnOptions) => Promise<ResumedSession>;
}

/** Starts the sandbox of a session that goes on from a checkpoint, and says what it goes on from. */
export async function startFromCheckpoint(
  context: CommandContext,
  { name, options, goOn }: CheckpointStart,
): Promise<number> {
  const { region, timeout, env } = options;
  const loaded = await context.loadConfig({ region, timeout, env });
  announceTarget(loaded.config.target);
  const session = await showingProgress(context, loaded, name, (configured) =>
    goOn({ ...configured, aboveLimit: options.force }, givenNow(options, loaded)),
  );
  try {
    const { sandboxId, target, variant, readyMs, checkpoint } = session;
    if (options.json) {
      const from = `${checkpoint.session}/${checkpoint.id}`;
      const ready = Math.round(readyMs);
      context.printJson({ name, sandboxId, target, variant, readyMs: ready, checkpoint: from });
      return 0;
    }
    const since = formatDuration(Math.max(0, Date.now() - checkpoint.createdAt.getTime()));
    logLine(
      `${name} goes on from checkpoint ${checkpoint.id}, ${since} ago; parhelia attach ${name}`,
    );
    if (checkpoint.conversations > 0) {
      logLine(`parhelia run ${name} --continue "go on" continues its conversation`);
    }
    context.print(name);
    return 0;
  } finally {
    session.close();
  }
}

/** The configuration has a value for each of these: what was asked for on the command line counts. */
function givenNow(
  { at, gpu, timeout, region }: ResumeCommandOptions,
  { config }: LoadedConfig,
): GoOnOptions {
  return {
    at,
    gpu,
    useSnapshot: config.modal.snapshot,
    timeoutHours: timeout === undefined ? undefined : config.sandbox.timeoutMs / HOUR_MS,
    regions: region === undefined ? undefined : config.modal.regions,
  };
}
