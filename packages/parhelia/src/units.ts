/** Milliseconds in one second, minute and hour. */
export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;

/** A duration for people: `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < SECOND_MS) return `${Math.round(durationMs)} ms`;
  if (durationMs < MINUTE_MS) return `${(durationMs / SECOND_MS).toFixed(1)} s`;
  const minutes = Math.floor(durationMs / MINUTE_MS);
  if (minutes < 60) return `${minutes} min ${Math.floor((durationMs % MINUTE_MS) / SECOND_MS)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
