import type { AddressInfo } from "node:net";
import { decodeFrames, encodeFrame, numberPayload } from "../protocol/frames.ts";
import { createRelay } from "../protocol/relay.ts";

/**
 * `parhelia-container forward PORT`: listens on 127.0.0.1:PORT in the sandbox (0: any free port) and
 * carries every connection over its standard input and output to the other side, which connects to the
 * user's machine (`src/sandbox/forward.ts`). Ends when its standard input ends, with status 1 when it
 * cannot listen, 2 when PORT is none.
 */
export function forward([portText = ""]: readonly string[]): void {
  const port = Number(portText);
  if (portText === "" || !Number.isInteger(port) || port < 0 || port > 65_535) {
    end(2, `not a port: '${portText}'`);
  }
  // Loaded here: init shares the bundle, and every millisecond of its start is on the way to ready.
  const { createServer } = process.getBuiltinModule("node:net");
  const send = (frame: Uint8Array) => void process.stdout.write(frame);
  const relay = createRelay(send);
  let nextConnection = 1;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = nextConnection++;
    send(encodeFrame("open", connection));
    relay.attach(connection, socket);
  });
  server.on("error", (error) => end(1, `cannot listen on 127.0.0.1:${port}: ${error.message}`));
  server.listen(port, "127.0.0.1", () => {
    send(encodeFrame("listening", 0, numberPayload((server.address() as AddressInfo).port)));
  });

  let rest: Uint8Array = new Uint8Array(0);
  process.stdin.on("data", (chunk: Buffer) => {
    const decoded = decodeFrames(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]));
    rest = decoded.rest;
    decoded.frames.forEach(relay.receive);
  });
  process.stdin.on("end", () => process.exit(0));
  // The other side has gone without ending its stream.
  process.stdout.on("error", () => process.exit(0));
}

function end(status: number, message: string): never {
  process.stderr.write(`parhelia-container forward: ${message}\n`);
  process.exit(status);
}
