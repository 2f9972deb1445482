import { mkdirSync, rmSync, statSync } from "node:fs";
import { sleepSync } from "../sleep.ts";

const POLL_MS = 5;

/** Claude Code waits as long for the lock of its settings, then goes on without it. */
const TIMEOUT_MS = 500;

/** Whoever holds a lock renews it more often: one this old was left behind. */
const STALE_MS = 10_000;

/**
 * Does something while a Claude Code that may be running does not write the file. It locks a file by making
 * a directory beside it. A lock that stays taken is not waited for any longer than Claude Code itself does.
 */
export function withClaudeLock<T>(file: string, work: () => T): T {
  const lock = `${file}.lock`;
  const taken = take(lock);
  try {
    return work();
  } finally {
    if (taken) rmSync(lock, { recursive: true, force: true });
  }
}

function take(lock: string): boolean {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    if (make(lock)) return true;
    if (performance.now() > deadlineMs) return false;
    const stats = statSync(lock, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > STALE_MS) {
      rmSync(lock, { recursive: true, force: true });
    } else {
      sleepSync(POLL_MS);
    }
  }
}

function make(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
