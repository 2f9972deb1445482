import { existsSync } from "node:fs";
import { removedSessionMarker } from "../../src/volume/layout.ts";
import type { CheckpointReason } from "../protocol/checkpoint.ts";
import { SESSION_OVER_FILE } from "../protocol/paths.ts";
import { writeLog } from "../log.ts";
import type { Frozen } from "./freeze.ts";
import { freezeSession } from "./freeze.ts";
import { takeCheckpoint } from "./take-checkpoint.ts";

/** The checkpoints that init takes of its session: one after the other, never two at once. */
export class Checkpoints {
  readonly #session: string;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(session: string) {
    this.#session = session;
  }

  /** Whether one is being taken. */
  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  /**
   * Takes a checkpoint when those before it are done.
   * @param options `final`: the session stands still from here on, so that nothing happens that the
   * checkpoint does not have; otherwise it is taken beside Claude's work, which comes first
   * @returns whether the session is safe on the volume, or has nothing yet to be saved; a failure is logged
   */
  async save(reason: CheckpointReason, { final }: { final: boolean }): Promise<boolean> {
    if ([removedSessionMarker(this.#session), SESSION_OVER_FILE].some(existsSync)) return true;
    this.#waiting += 1;
    const frozen = final ? await freezeSession() : undefined;
    const taken = this.#last.then(() => this.#take(reason, frozen));
    this.#last = taken;
    return taken.finally(() => (this.#waiting -= 1));
  }

  async #take(reason: CheckpointReason, frozen: Frozen | undefined): Promise<boolean> {
    const { ok, id, error, durationMs, isTooEarly } = await takeCheckpoint(reason, {
      background: frozen === undefined,
      windows: frozen?.windows,
    });
    if (isTooEarly) return true;
    if (!ok) writeLog(`parhelia-init checkpoint (${reason}) FAILED ${durationMs}ms\n${error}`);
    else if (reason !== "timer") {
      writeLog(`parhelia-init checkpoint (${reason}) ${id} ${durationMs}ms`);
    }
    return ok;
  }
}
