import { setTimeout as sleep } from "node:timers/promises";
import { httpTransport, listTools } from "./handshake.ts";
import type { PreparedServer } from "./prepare-server.ts";
import { ProcessTransport } from "./process-transport.ts";
import type { ServerProcess } from "./server-process.ts";
import { startServerProcess } from "./server-process.ts";

/** Between two attempts to reach a server that is starting. */
const POLL_MS = 50;

/** A server that answered. */
export interface ConnectedServer {
  readonly tools: readonly string[];
  /** From its start, or from the first request, to its list of tools. */
  readonly startupMs: number;
  /** Where it was started here. */
  readonly process: ServerProcess | undefined;
}

/** A server did not answer; the message is fit for a report. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/**
 * Starts a server where it is a program, and waits until it answers a handshake.
 * @param onStart is told of the process as soon as there is one
 * @throws NoAnswer when it does not within its `timeoutMs`, or ends; its process is ended then
 */
export async function connectServer(
  prepared: PreparedServer,
  onStart: (process: ServerProcess) => void = () => undefined,
): Promise<ConnectedServer> {
  const { server, redact } = prepared;
  const startedAt = performance.now();
  const process = server.command === undefined ? undefined : startServerProcess(prepared);
  if (process !== undefined) onStart(process);
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(new Error(`no answer to a handshake within ${server.timeoutMs} ms`));
  }, server.timeoutMs);
  void process?.ended.then((how) => {
    deadline.abort(new Error(how));
  });
  try {
    const tools = await ask(prepared, process, deadline.signal);
    return { tools, startupMs: Math.round(performance.now() - startedAt), process };
  } catch (error) {
    await process?.stop();
    throw new NoAnswer(redact(explain(error, server.url)));
  } finally {
    clearTimeout(timer);
  }
}

async function ask(
  prepared: PreparedServer,
  process: ServerProcess | undefined,
  deadline: AbortSignal,
): Promise<string[]> {
  const { server } = prepared;
  if (process === undefined) return listTools(httpTransport(server), deadline);
  if (server.transport === "stdio") return askProcess(process, deadline);
  for (;;) {
    try {
      return await listTools(httpTransport(server), deadline);
    } catch (error) {
      // It is starting: it listens later, or answers otherwise until it is ready.
      if (deadline.aborted) throw error;
      await sleep(POLL_MS);
    }
  }
}

/** A process that ends closes the conversation first; how it ended says more. */
async function askProcess(process: ServerProcess, deadline: AbortSignal): Promise<string[]> {
  try {
    return await listTools(new ProcessTransport(process), deadline);
  } catch (error) {
    const closed = error instanceof Error && error.message.includes("Connection closed");
    throw closed ? new Error(await process.ended) : error;
  }
}

/** As one sentence. */
function explain(error: unknown, url: string | undefined): string {
  if (!(error instanceof Error)) return String(error);
  const { code, message } = error as Error & { code?: unknown };
  if (code === 401 || code === 403) {
    return `it refuses with HTTP status ${code}: it wants a login, or another token in its headers`;
  }
  const cause = (error.cause as { code?: unknown } | undefined)?.code;
  const codes = [code, cause, /\bECONNREFUSED\b/.exec(message)?.[0]];
  if (codes.some((each) => each === "ConnectionRefused" || each === "ECONNREFUSED")) {
    return `nothing listens at ${url === undefined ? "its address" : new URL(url).host}`;
  }
  return message;
}
