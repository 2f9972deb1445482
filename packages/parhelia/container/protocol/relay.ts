import type { Socket } from "node:net";
import type { Frame } from "./frames.ts";
import { encodeFrame, numberPayload, readNumber, WINDOW_BYTES } from "./frames.ts";

/** One side's connections: bytes of sockets become frames and frames become bytes, the same on both sides. */
export interface Relay {
  /** Carries a socket, made with `allowHalfOpen`, as this connection. */
  readonly attach: (connection: number, socket: Socket) => void;
  /** Takes a `data`, `end`, `close` or `credit` frame of the other side. */
  readonly receive: (frame: Frame) => void;
  /** Destroys every socket. */
  readonly destroy: () => void;
}

interface Connection {
  readonly socket: Socket;
  /** Bytes that may still be sent before the other side credits some. */
  credit: number;
  sentEnd: boolean;
  receivedEnd: boolean;
}

/** `send` takes encoded frames; it keeps their order and does not wait. */
export function createRelay(send: (frame: Uint8Array) => void): Relay {
  const connections = new Map<number, Connection>();

  function attach(id: number, socket: Socket): void {
    const connection: Connection = {
      socket,
      credit: WINDOW_BYTES,
      sentEnd: false,
      receivedEnd: false,
    };
    connections.set(id, connection);
    socket.on("data", (chunk: Buffer) => {
      send(encodeFrame("data", id, chunk));
      connection.credit -= chunk.length;
      if (connection.credit <= 0) socket.pause();
    });
    socket.on("end", () => {
      connection.sentEnd = true;
      send(encodeFrame("end", id));
    });
    // "close" follows, and tells the other side.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      connections.delete(id);
      if (!connection.sentEnd || !connection.receivedEnd) send(encodeFrame("close", id));
    });
  }

  function receive({ connection: id, kind, payload }: Frame): void {
    const connection = connections.get(id);
    // The other side may still send to a connection that is gone on this one.
    if (connection === undefined) return;
    const { socket } = connection;
    if (kind === "data") {
      socket.write(payload, (error) => {
        if (error == null) send(encodeFrame("credit", id, numberPayload(payload.length)));
      });
    } else if (kind === "end") {
      connection.receivedEnd = true;
      socket.end();
    } else if (kind === "close") {
      connections.delete(id);
      connection.sentEnd = connection.receivedEnd = true;
      // As the program at the other end saw it: broken off, not ended.
      socket.resetAndDestroy();
    } else if (kind === "credit") {
      connection.credit += readNumber(payload);
      if (connection.credit > 0) socket.resume();
    }
  }

  function destroy(): void {
    for (const { socket } of connections.values()) socket.destroy();
  }

  return { attach, receive, destroy };
}
