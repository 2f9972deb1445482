import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 50;

/** Asks again and again until the answer is no longer undefined. @throws Error when the time is up */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadlineMs) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(POLL_MS);
  }
}
