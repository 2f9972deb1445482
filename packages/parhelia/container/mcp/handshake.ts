import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { McpServerConfig } from "./read-config.ts";

const CLIENT = { name: "parhelia-mcp-launcher", version: "1" };

/** How long a server may take to forget a session that is over. */
const FAREWELL_MS = 500;

/**
 * A real MCP handshake: initialize, and the list of tools.
 * @returns the tools' names
 * @throws Error when the server does not answer before `deadline` aborts: its reason; what the SDK throws
 */
export async function listTools(transport: Transport, deadline: AbortSignal): Promise<string[]> {
  deadline.throwIfAborted();
  const client = new Client(CLIENT);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(deadline.reason as Error);
  deadline.addEventListener("abort", onAbort);
  try {
    // Raced, since not every transport's start can be aborted.
    return await Promise.race([late, converse(client, transport, deadline)]);
  } finally {
    deadline.removeEventListener("abort", onAbort);
    if (transport instanceof StreamableHTTPClientTransport) await sayFarewell(transport);
    await client.close().catch(() => undefined);
  }
}

async function converse(
  client: Client,
  transport: Transport,
  signal: AbortSignal,
): Promise<string[]> {
  // The deadline is the signal's; the SDK's own, of a minute, would come in between.
  const options = { signal, timeout: 2 ** 31 - 1 };
  await client.connect(transport, options);
  if (client.getServerCapabilities()?.tools === undefined) return [];
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor }, options);
    names.push(...page.tools.map(({ name }) => name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return names;
}

/** Otherwise the server would keep the session. */
async function sayFarewell(transport: StreamableHTTPClientTransport): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, FAREWELL_MS);
  });
  await Promise.race([limit, transport.terminateSession().catch(() => undefined)]);
  clearTimeout(timer);
}

/** For a server over HTTP, with its variables replaced. @throws Error when its address is none */
export function httpTransport({ transport, url = "", headers }: McpServerConfig): Transport {
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ""))
    throw new Error('"url" is no http or https address');
  const options = { requestInit: { headers } };
  if (transport === "http") return new StreamableHTTPClientTransport(new URL(url), options);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- what "type": "sse" asks for; Claude Code takes it, too
  return new SSEClientTransport(new URL(url), options);
}
