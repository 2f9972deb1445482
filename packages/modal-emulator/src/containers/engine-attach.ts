import { Duplex } from "node:stream";
import type Docker from "dockerode";

/** What of a container a connection carries. */
export type Attachment = "output" | "input";

/** Connects to the streams of a container's own process; before it is started, to get all of its output. */
export async function attachToContainer(
  container: Docker.Container,
  attachment: Attachment,
): Promise<Duplex> {
  const isOutput = attachment === "output";
  const socket = await container.attach({
    stream: true,
    hijack: true,
    stdin: !isOutput,
    stdout: isOutput,
    stderr: isOutput,
  });
  if (!(socket instanceof Duplex)) throw new TypeError("attached to something that is no socket");
  // Who reads it learns of a broken connection; nobody may be reading any more.
  socket.on("error", () => undefined);
  return socket;
}
