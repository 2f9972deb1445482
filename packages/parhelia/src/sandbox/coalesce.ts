import { once } from "node:events";
import type { Readable } from "node:stream";

/** What waits is handed on together up to this size: each write to a sandbox is a round trip. */
const MAX_CHUNK_BYTES = 1024 * 1024;

/** The source is paused while this much waits. */
const MAX_WAITING_BYTES = 4 * MAX_CHUNK_BYTES;

/** The bytes of a stream in as few pieces as their reader's pace allows; a first byte never waits. */
export async function* coalesce(source: Readable): AsyncGenerator<Buffer, undefined> {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  source.on("data", (chunk: Buffer) => {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes >= MAX_WAITING_BYTES) source.pause();
  });
  for (;;) {
    if (waitingBytes === 0) {
      if (source.readableEnded || source.destroyed) return undefined;
      await nextEvent(source);
      continue;
    }
    const all = Buffer.concat(waiting);
    const rest = all.subarray(MAX_CHUNK_BYTES);
    waiting = rest.length === 0 ? [] : [rest];
    waitingBytes = rest.length;
    source.resume();
    yield all.subarray(0, MAX_CHUNK_BYTES);
  }
}

/** Until there is more, the end, or nothing to wait for any more. */
async function nextEvent(source: Readable): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race(
      ["data", "end", "close"].map((event) => once(source, event, { signal: done.signal })),
    );
  } finally {
    done.abort();
  }
}
