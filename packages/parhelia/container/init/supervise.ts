import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EXEC_DIR } from "../protocol/paths.ts";
import { writeLog } from "../log.ts";
import { processStart } from "../process-start.ts";

const SWEEP_INTERVAL_MS = 60_000;

/** Keeps the sandbox alive, and its records of execs short. */
export function supervise(): void {
  setInterval(() => {
    try {
      sweepExecRecords(EXEC_DIR);
    } catch (error) {
      // Untidy records are no reason to end a session.
      writeLog(`parhelia-init could not tidy ${EXEC_DIR}: ${String(error)}`);
    }
  }, SWEEP_INTERVAL_MS);
}

/**
 * Removes the records of execs that have ended: parhelia-exec becomes its command and cannot.
 * @returns the processes of those that run
 */
export function sweepExecRecords(directory: string): number[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    const [pid = "", start = ""] = readFileSync(path, "utf8").trim().split(" ");
    // An empty record is about to be written.
    if (pid === "") return [];
    if (processStart(pid) === start) return [Number(pid)];
    rmSync(path, { force: true });
    return [];
  });
}
