import { existsSync, readFileSync, statSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { findEmulator } from "modal-emulator";

/** Added to every answer of the control plane: what follows an answer is then told from what goes beside it. */
const ANSWER_DELAY_MS = 100;

interface LoggedRequest {
  readonly method: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** Requests that did not wait for one another. */
export type RoundTrip = readonly string[];

/**
 * The sequential round trips of one command, in order, from the emulator's own request log. The command
 * gets an environment in which target `modal` is the emulator behind a proxy that delays each answer: a
 * request that starts later than that after an earlier one's end has waited for it.
 */
export async function countRoundTrips(
  stateDirectory: string,
  command: (env: NodeJS.ProcessEnv) => Promise<unknown>,
): Promise<readonly RoundTrip[]> {
  const emulator = await findEmulator(stateDirectory);
  if (emulator === undefined) throw new Error(`no emulator serves ${stateDirectory}`);
  const log = join(stateDirectory, "requests.log");
  const before = existsSync(log) ? statSync(log).size : 0;
  const proxy = await startDelayingProxy(Number(new URL(emulator.serverUrl).port));
  try {
    await command({
      MODAL_SERVER_URL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      MODAL_TOKEN_ID: emulator.tokenId,
      MODAL_TOKEN_SECRET: emulator.tokenSecret,
    });
  } finally {
    proxy.close();
  }
  const lines = readFileSync(log).subarray(before).toString("utf8").trim().split("\n");
  return inRounds(lines.map((line) => JSON.parse(line) as LoggedRequest));
}

function inRounds(requests: readonly LoggedRequest[]): RoundTrip[] {
  const rounds: string[][] = [];
  let firstAnswerMs = Number.NEGATIVE_INFINITY;
  for (const { method, startMs, endMs } of requests.toSorted((a, b) => a.startMs - b.startMs)) {
    if (startMs >= firstAnswerMs + 0.9 * ANSWER_DELAY_MS) {
      rounds.push([]);
      firstAnswerMs = Number.POSITIVE_INFINITY;
    }
    if (rounds.length === 0) rounds.push([]);
    rounds.at(-1)?.push(method);
    firstAnswerMs = Math.min(firstAnswerMs, endMs);
  }
  return rounds;
}

function startDelayingProxy(port: number): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect({ host: "127.0.0.1", port });
    client.pipe(upstream);
    upstream.on("data", (chunk) => {
      setTimeout(() => client.writable && client.write(chunk), ANSWER_DELAY_MS);
    });
    upstream.on("close", () => setTimeout(() => client.destroy(), ANSWER_DELAY_MS));
    client.on("close", () => upstream.destroy());
    for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
