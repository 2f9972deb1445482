import { connect } from "node:net";
import type { Frame } from "../../container/protocol/frames.ts";
import { decodeFrames, readNumber } from "../../container/protocol/frames.ts";
import { CONTAINER_PROGRAM, EXEC_PROGRAM } from "../../container/protocol/paths.ts";
import { createRelay } from "../../container/protocol/relay.ts";
import { SystemError } from "../errors.ts";

/** After the sandbox's side was told to end. */
const CLOSE_TIMEOUT_MS = 1_000;

/** Frames that wait are sent together up to this size: on Modal, each write is a round trip. */
const MAX_WRITE_BYTES = 256 * 1024;

/** A port of the sandbox that leads to an address as seen from this machine. */
export interface Forward {
  /**
   * The port on 127.0.0.1 in the sandbox, once it is listened on.
   * Rejects with a SystemError when the sandbox's side ended before.
   */
  readonly ready: Promise<number>;
  /** Ends the sandbox's side and every connection. Never rejects; may be called again. */
  close(): Promise<void>;
}

/**
 * The command of the sandbox's side: exec it with binary streams and give those to `openForward`.
 * @param port in the sandbox; 0 takes any free one.
 */
export function forwardCommand(port = 0): string[] {
  return [EXEC_PROGRAM, "--", CONTAINER_PROGRAM, "forward", `${port}`];
}

/**
 * Lets programs in the sandbox reach an address of this machine, such as an ANTHROPIC_BASE_URL on
 * loopback: connections come in as frames over the streams of an exec and are made here.
 */
export function openForward(options: {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly targetHost: string;
  readonly targetPort: number;
}): Forward {
  const writer = options.stdin.getWriter();
  const reader = options.stdout.getReader();
  const relay = createRelay(createSender(writer));
  const ready = Promise.withResolvers<number>();
  // Whoever never asks whether it is ready must not crash because it is not.
  ready.promise.catch(() => undefined);

  function receive(frame: Frame): void {
    if (frame.kind === "listening") ready.resolve(readNumber(frame.payload));
    else if (frame.kind === "open") {
      const target = { host: options.targetHost, port: options.targetPort, allowHalfOpen: true };
      relay.attach(frame.connection, connect(target));
    } else relay.receive(frame);
  }

  const finished = readFrames(reader, receive)
    .catch(() => undefined)
    .then(() => {
      relay.destroy();
      ready.reject(
        new SystemError("the sandbox's side of the port forward ended before it listened", {
          hint: "parhelia logs NAME",
        }),
      );
    });

  return {
    ready: ready.promise,
    async close() {
      relay.destroy();
      await Promise.race([writer.close().then(() => finished), delay(CLOSE_TIMEOUT_MS)]).catch(
        () => undefined,
      );
      await Promise.race([reader.cancel(), delay(CLOSE_TIMEOUT_MS)]).catch(() => undefined);
    },
  };
}

async function readFrames(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  receive: (frame: Frame) => void,
): Promise<void> {
  let rest: Uint8Array = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const decoded = decodeFrames(rest.length === 0 ? value : Buffer.concat([rest, value]));
    rest = decoded.rest;
    decoded.frames.forEach(receive);
  }
}

/** Keeps frames in order, one write at a time. What cannot be written any more is dropped: its reader has gone. */
function createSender(
  writer: WritableStreamDefaultWriter<Uint8Array>,
): (frame: Uint8Array) => void {
  let waiting: Uint8Array[] = [];
  let writing = false;
  let broken = false;
  async function writeWaiting(): Promise<void> {
    writing = true;
    while (waiting.length > 0) {
      const chunk = Buffer.concat(waiting.splice(0, countThatFit(waiting)));
      await writer.write(chunk);
    }
    writing = false;
  }
  return (frame) => {
    waiting.push(frame);
    if (broken) waiting = [];
    if (writing || broken) return;
    writeWaiting().catch(() => {
      broken = true;
      waiting = [];
    });
  };
}

/** How many of the frames, at least one, go into one write. */
function countThatFit(frames: readonly Uint8Array[]): number {
  let bytes = 0;
  const tooMany = frames.findIndex((frame) => (bytes += frame.length) > MAX_WRITE_BYTES);
  return tooMany === -1 ? frames.length : Math.max(1, tooMany);
}

function delay(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs).unref());
}
