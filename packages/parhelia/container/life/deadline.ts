import { setTimeout as sleep } from "node:timers/promises";
import type { Ending } from "../init/ending.ts";
import type { Environment } from "../init/session-environment.ts";
import type { Checkpoints } from "./checkpoints.ts";
import { announce } from "./announce.ts";

/** The watchdog warns so long before the deadline, or a tenth of a shorter life before it. */
const LEAD_MS = 5 * 60_000;
const LEAD_SHARE = 0.1;

/** The session is ended so long before its sandbox is, or in half of a shorter lead. */
const FINAL_LEAD_MS = 15_000;

/** The longest time that timers take. */
const MAX_SLEEP_MS = 24 * 60 * 60_000;

/** What the watchdog works with. */
export interface DeadlineOptions {
  readonly session: string;
  /** When the runtime ends the sandbox. */
  readonly expiresAtMs: number;
  readonly environment: Environment;
  readonly checkpoints: Pick<Checkpoints, "save">;
  readonly ending: Pick<Ending, "end">;
}

/**
 * Watches for the end that the runtime has set. Some time before it, a checkpoint is taken and everyone at a
 * terminal is told; shortly before it, the session is stopped, saved, and ended: nothing happens in it then
 * that its last checkpoint has not.
 */
export async function watchDeadline(options: DeadlineOptions): Promise<void> {
  const { session, expiresAtMs, environment, checkpoints, ending } = options;
  const leadMs = Math.min(LEAD_MS, (expiresAtMs - Date.now()) * LEAD_SHARE);
  await sleepUntil(expiresAtMs - leadMs);
  const time = `${new Date(expiresAtMs).toISOString().slice(11, 19)} UTC`;
  await Promise.allSettled([
    checkpoints.save("deadline", { final: false }),
    announce(`this sandbox ends at ${time}; parhelia resume ${session} goes on`, environment),
  ]);
  await sleepUntil(expiresAtMs - Math.min(FINAL_LEAD_MS, leadMs / 2));
  await ending.end("deadline");
}

async function sleepUntil(timeMs: number): Promise<void> {
  for (;;) {
    const restMs = timeMs - Date.now();
    if (restMs <= 0) return;
    await sleep(Math.min(restMs, MAX_SLEEP_MS));
  }
}
