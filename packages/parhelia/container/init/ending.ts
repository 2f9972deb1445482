import type { CheckpointReason } from "../protocol/checkpoint.ts";
import { writeLog } from "../log.ts";

/** Whoever ends the sandbox may allow it little: what has not stopped by then is left to the runtime. */
const STOP_DEADLINE_MS = 1_500;

/** What ending a sandbox consists of, in the order of the specification's shutdown sequence. */
export interface EndingParts {
  /**
   * Takes a checkpoint and commits it; a final one with the session standing still.
   * @returns whether the session is safe
   */
  readonly save: (reason: CheckpointReason, options: { final: boolean }) => Promise<boolean>;
  /** Ends the MCP servers. All else stands still, and ends with the sandbox. */
  readonly stopServers: () => Promise<unknown>;
}

/** The end of the sandbox, which comes once, however many want it (decision D9). */
export class Ending {
  readonly #parts: EndingParts;
  #begun = false;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** From here on INT and TERM end the sandbox with status 0, however often and in which order they come. */
  onSignals(): void {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => void this.#end(signal, "signal"));
    }
  }

  /** Ends the sandbox with status 0, whether its session could be saved or not. */
  end(reason: CheckpointReason): Promise<void> {
    return this.#end(reason, reason);
  }

  /** Ends the sandbox only where its session can be saved. */
  async endIfSaved(reason: CheckpointReason): Promise<void> {
    if (this.#begun || !(await this.#parts.save(reason, { final: false }))) return;
    await this.#end(reason, reason);
  }

  /**
   * The checkpoint may take as long as whoever ends the sandbox allows: nothing is better done with that
   * time. What then stops is on its own after a moment.
   */
  async #end(why: string, reason: CheckpointReason): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    const startedAt = performance.now();
    writeLog(`parhelia-init stopping on ${why}`);
    const { save, stopServers } = this.#parts;
    await this.#unlessItFails("save the session", save(reason, { final: true }));
    const deadline = new Promise((resolve) => setTimeout(resolve, STOP_DEADLINE_MS));
    await Promise.race([this.#unlessItFails("stop the MCP servers", stopServers()), deadline]);
    writeLog(`parhelia-init stopped ${Math.round(performance.now() - startedAt)}ms`);
    process.exit(0);
  }

  async #unlessItFails(what: string, work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      writeLog(`parhelia-init could not ${what}: ${String(error)}`);
    }
  }
}
