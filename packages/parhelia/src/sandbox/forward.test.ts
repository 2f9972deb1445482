import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { dirname, join } from "node:path";
import { Readable, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import type { Forward } from "./forward.ts";
import { openForward } from "./forward.ts";

const containerProgram = join(dirname(fileURLToPath(import.meta.url)), "../../container/main.ts");

let target: Server | undefined;
let child: ChildProcess | undefined;
let forward: Forward | undefined;
afterEach(async () => {
  await forward?.close();
  child?.kill("SIGKILL");
  target?.close();
});

/** A server on this machine, and the sandbox's side of a forward to it as a process. */
async function startForward(onConnection: (socket: Socket) => void, port = "0") {
  target = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  await once(target.listen(0, "127.0.0.1"), "listening");
  return openTo((target.address() as AddressInfo).port, port);
}

function openTo(targetPort: number, port = "0") {
  const process_ = spawn(process.execPath, [containerProgram, "forward", port], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  child = process_;
  const opened = openForward({
    stdin: Writable.toWeb(process_.stdin) as WritableStream<Uint8Array>,
    stdout: Readable.toWeb(process_.stdout) as ReadableStream<Uint8Array>,
    targetHost: "127.0.0.1",
    targetPort,
  });
  forward = opened;
  return { forward: opened, process: process_ };
}

/** The code of the error that a connection ends with. */
async function brokenOff(socket: Socket): Promise<string | undefined> {
  socket.resume();
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  return error.code;
}

const connectTo = (port: number) => connect({ port, host: "127.0.0.1", allowHalfOpen: true });

test("an answer follows the end of the question: half-closed connections work", async () => {
  const { forward } = await startForward((socket) => {
    void buffer(socket).then((question) => socket.end(`answer to ${question.toString()}`));
  });
  const client = connectTo(await forward.ready);
  client.end("question");
  expect((await buffer(client)).toString()).toBe("answer to question");
});

test("large binary data goes both ways at once, unchanged, on several connections", async () => {
  const { forward } = await startForward((socket) => socket.pipe(socket));
  const port = await forward.ready;
  await Promise.all(
    [1, 2, 3].map(async () => {
      const bytes = randomBytes(3 * 1024 * 1024);
      const client = connectTo(port);
      client.end(bytes);
      expect(bytes.equals(await buffer(client))).toBe(true);
    }),
  );
});

test("a connection that nobody reads holds up itself only, and the rest of its data comes later", async () => {
  const total = 20 * 1024 * 1024;
  let sent = 0;
  const { forward } = await startForward((socket) => {
    socket.once("data", (first) => {
      if (first.toString() === "quick") socket.end("quick answer");
      else {
        const chunk = Buffer.alloc(64 * 1024, 1);
        const write = () => {
          while (sent < total) {
            sent += chunk.length;
            if (!socket.write(chunk)) {
              socket.once("drain", write);
              return;
            }
          }
          socket.end();
        };
        write();
      }
    });
  });
  const port = await forward.ready;
  const slow = connectTo(port);
  slow.pause();
  slow.write("slow");
  // Until nothing moves any more.
  let before = -1;
  while (before !== sent) {
    before = sent;
    await sleep(200);
  }
  expect(sent).toBeLessThan(total);

  const quick = connectTo(port);
  quick.end("quick");
  expect((await buffer(quick)).toString()).toBe("quick answer");
  slow.end();
  expect(await buffer(slow)).toHaveLength(total);
});

test("a target that refuses closes the connection, and the forward goes on", async () => {
  const { forward } = await startForward(() => undefined);
  const port = await forward.ready;
  const closed = once(target as Server, "close");
  const address = (target as Server).address() as AddressInfo;
  target?.close();
  await closed;
  expect(await brokenOff(connectTo(port))).toBe("ECONNRESET");

  target = createServer((socket) => socket.end("here again"));
  await once(target.listen(address.port, "127.0.0.1"), "listening");
  expect((await buffer(connectTo(port))).toString()).toBe("here again");
});

test("a connection that is reset on one side ends on the other", async () => {
  const { forward } = await startForward((socket) => {
    socket.once("data", () => socket.resetAndDestroy());
  });
  const client = connectTo(await forward.ready);
  client.write("x");
  expect(await brokenOff(client)).toBe("ECONNRESET");
});

test("close ends the sandbox's side with status 0, and may be called again", async () => {
  const { forward, process: child } = await startForward(() => undefined);
  const port = await forward.ready;
  const open = connectTo(port);
  open.on("error", () => undefined);
  await once(open, "connect");
  const ended = once(child, "exit");
  await forward.close();
  await forward.close();
  expect(await ended).toEqual([0, null]);
});

test("a port that is taken is an error, not a wait", async () => {
  const taken = createServer();
  await once(taken.listen(0, "127.0.0.1"), "listening");
  try {
    const { forward, process: child } = openTo(1, `${(taken.address() as AddressInfo).port}`);
    const messages = buffer(child.stderr);
    await expect(forward.ready).rejects.toThrow("ended before it listened");
    expect((await messages).toString()).toContain("EADDRINUSE");
  } finally {
    taken.close();
  }
});

test.each(["", "99999", "http", "-1"])("%j is not a port", async (port) => {
  const { process: child } = openTo(1, port);
  expect((await once(child, "exit"))[0]).toBe(2);
});
