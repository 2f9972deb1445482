import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EXEC_DIR } from "../protocol/paths.ts";
import { writeLog } from "../log.ts";
import { processStart } from "../process-start.ts";

/** Whoever ends the sandbox may allow it little: what has not stopped by then is left to the runtime. */
const STOP_DEADLINE_MS = 1_500;

const SWEEP_INTERVAL_MS = 60_000;

/**
 * From here on INT and TERM stop what runs and end the sandbox with status 0, once, however often and
 * in which order they come (decision D9).
 */
export function stopOnSignal(stopEverything: () => Promise<unknown>): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    writeLog(`parhelia-init stopping on ${signal}`);
    const deadline = new Promise((resolve) => setTimeout(resolve, STOP_DEADLINE_MS));
    const startedAt = performance.now();
    const stopped = stopEverything().catch((error: unknown) => {
      writeLog(`parhelia-init could not stop everything: ${String(error)}`);
    });
    void Promise.race([stopped, deadline]).then(() => {
      writeLog(`parhelia-init stopped ${Math.round(performance.now() - startedAt)}ms`);
      process.exit(0);
    });
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
}

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

/** Removes the records of execs that have ended: parhelia-exec becomes its command and cannot. */
export function sweepExecRecords(directory: string): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const [pid = "", start = ""] = readFileSync(path, "utf8").trim().split(" ");
    // An empty record is about to be written.
    if (pid !== "" && processStart(pid) !== start) rmSync(path, { force: true });
  }
}
