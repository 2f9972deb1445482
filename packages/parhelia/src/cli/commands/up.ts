import { generateSessionName } from "../../config/session-name.ts";
import { logLine } from "../../log.ts";
import type { ClaudeSandbox } from "../../sandbox/create-claude-sandbox.ts";
import { readInitSteps } from "../../sandbox/init-report.ts";
import type { Phase } from "../../sandbox/phases.ts";
import { formatDuration } from "../../units.ts";
import { announceTarget } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { UpArguments, UpOptions } from "../command-types.ts";
import { startSession } from "../start-session.ts";

/** `parhelia up`: a session whose sandbox is ready (SPEC-01.01). */
export const run: RunCommand<UpArguments, UpOptions> = async (context, args, options) => {
  const programMs = performance.now();
  const { region, timeout, env } = options;
  const loaded = await context.loadConfig({ region, timeout, env });
  announceTarget(loaded.config.target);
  const name = args.name ?? generateSessionName();

  const further = { gpu: options.gpu, startAnew: options.new, aboveLimit: options.force };
  const session = await startSession(context, loaded, name, further, options);
  const totalMs = performance.now();
  try {
    const showsSteps = options.json || options.timing;
    const initSteps = showsSteps ? await readInitSteps(session.sandbox) : [];
    await endIfInterrupted(session, context.signal);
    if (!showsSteps) {
      logLine(`${name} is ready after ${formatDuration(totalMs)}; parhelia attach ${name}`);
      context.print(name);
      return 0;
    }
    const { sandboxId, target, variant, workspace, readyMs: ready } = session;
    const phases = [
      { name: "start the program", durationMs: programMs },
      ...session.phases,
      ...initSteps,
    ].map((phase) => ({ ...phase, durationMs: Math.round(phase.durationMs * 10) / 10 }));
    if (options.timing) printTiming(phases, totalMs);
    if (options.json) {
      const readyMs = Math.round(ready);
      context.printJson({ name, sandboxId, target, variant, workspace, readyMs, phases });
    } else {
      context.print(name);
    }
    return 0;
  } finally {
    session.close();
  }
};

/** An interrupted start leaves nothing running, also when it had just become ready. */
async function endIfInterrupted({ sandbox }: ClaudeSandbox, signal: AbortSignal): Promise<void> {
  if (signal.aborted) await sandbox.terminate({ wait: true });
  signal.throwIfAborted();
}

/** Init's steps happen during the wait: they are shown below it, and not added up. */
function printTiming(phases: readonly Phase[], totalMs: number): void {
  const width = Math.max(...phases.map(({ name }) => name.length)) + 2;
  for (const { name, durationMs } of phases) {
    const label = name.startsWith("init ") ? `  ${name}` : name;
    logLine(`${label.padEnd(width + 2)}${durationMs.toFixed(1).padStart(9)} ms`);
  }
  logLine(`${"total".padEnd(width + 2)}${totalMs.toFixed(1).padStart(9)} ms`);
}
