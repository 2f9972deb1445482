import { writeLog } from "../log.ts";
import type { StepTime } from "../protocol/init-record.ts";

/** One of the five steps of SPEC-01.13. */
export interface Step {
  /** As it stands in the log, e.g. `link-config`. */
  readonly name: string;
  /** Fails by throwing; the message is for the person who started the sandbox. */
  readonly run: () => void | Promise<void>;
}

/** A step could not do its work. `message` says why; it holds no values of variables. */
export class StepError extends Error {
  override readonly name = "StepError";
}

/**
 * Runs the steps in order and logs a line for each: `parhelia-init 1/5 link-config ok 2ms`.
 * @returns how long each took; undefined when a step failed: its output is then in the log and no further step
 * has run.
 */
export async function runSteps(
  steps: readonly Step[],
  log: (text: string) => void = writeLog,
): Promise<readonly StepTime[] | undefined> {
  const times: StepTime[] = [];
  for (const [index, step] of steps.entries()) {
    const startedAt = performance.now();
    const elapsedMs = () => Math.round(performance.now() - startedAt);
    const line = (outcome: string) =>
      `parhelia-init ${index + 1}/${steps.length} ${step.name} ${outcome} ${elapsedMs()}ms`;
    try {
      await step.run();
      log(line("ok"));
      times.push({ name: step.name, durationMs: elapsedMs() });
    } catch (error) {
      log(`${line("FAILED")}\n${describe(error)}`);
      return undefined;
    }
  }
  return times;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
