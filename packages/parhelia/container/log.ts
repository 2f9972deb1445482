import { writeSync } from "node:fs";

/**
 * Writes text to the sandbox's log (standard output), at once, so that nothing is lost when init ends.
 * It never takes the environment: the log is kept where others can read it (SPEC-01.AC4).
 */
export function writeLog(text: string): void {
  try {
    writeSync(1, text.endsWith("\n") ? text : `${text}\n`);
  } catch {
    // Nobody reads the log any more; that must not end the sandbox.
  }
}
