import type { Writable } from "node:stream";
import type { Sandbox } from "../modal/sandboxes.ts";

/** Silence that means: everything printed so far has arrived. */
const SETTLED_MS = 300;

/**
 * Prints what a sandbox has printed: all of it so far, or, following, until it ends. Modal keeps only the
 * recent part. Its stream never says that it has caught up, so a short silence counts as that.
 */
export async function printLogs(
  sandbox: Sandbox,
  streams: { readonly stdout: Writable; readonly stderr: Writable },
  follow: boolean,
): Promise<void> {
  await Promise.all([
    copy(sandbox.stdout, streams.stdout, follow),
    copy(sandbox.stderr, streams.stderr, follow),
  ]);
}

async function copy(
  source: ReadableStream<string>,
  sink: Writable,
  follow: boolean,
): Promise<void> {
  const reader = source.getReader();
  let timer: NodeJS.Timeout | undefined;
  const settle = () => {
    clearTimeout(timer);
    if (!follow) timer = setTimeout(() => void reader.cancel(), SETTLED_MS);
  };
  try {
    settle();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      settle();
      sink.write(value);
    }
  } finally {
    clearTimeout(timer);
  }
}
