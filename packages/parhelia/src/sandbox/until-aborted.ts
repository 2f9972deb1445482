/**
 * Waits for the work, or gives up waiting when the signal is aborted: not everything that is waited for
 * can itself be ended.
 * @throws the signal's reason
 */
export async function untilAborted<T>(
  signal: AbortSignal | undefined,
  work: Promise<T>,
): Promise<T> {
  if (signal === undefined) return work;
  work.catch(() => undefined); // nobody looks at it any more once the signal is aborted
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => {
    aborted.reject(signal.reason as Error);
  };
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
