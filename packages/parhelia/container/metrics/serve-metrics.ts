import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { writeLog } from "../log.ts";
import { countClaudeEvents } from "./claude-events.ts";
import type { Metrics } from "./registry.ts";

/** Claude Code sends its events in batches of some kilobytes. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/**
 * The sandbox's Prometheus endpoint, on loopback: `GET /metrics`, the same as JSON at `/metrics.json`, and
 * `POST /v1/logs`, where Claude Code sends its events. A port that is taken costs the endpoint, nothing else.
 */
export function serveMetrics(metrics: Metrics, port: number): void {
  const server = createServer((request, response) => {
    void answer(metrics, request, response).catch((error: unknown) => {
      response.writeHead(error instanceof SyntaxError ? 400 : 500).end();
    });
  });
  server.on("error", (error) => {
    writeLog(`parhelia-metrics cannot listen on port ${port}: ${error.message}`);
    process.exitCode = 1;
  });
  server.listen(port, "127.0.0.1");
}

async function answer(
  { registry, claude }: Metrics,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (`${request.method ?? ""} ${request.url ?? ""}`) {
    case "GET /metrics":
      response.setHeader("Content-Type", registry.contentType).end(await registry.metrics());
      return;
    case "GET /metrics.json":
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify(await registry.getMetricsAsJSON()));
      return;
    case "POST /v1/logs": {
      const body = await readBody(request);
      if (body === undefined) {
        response.writeHead(413, { Connection: "close" }).end();
        return;
      }
      countClaudeEvents(body, claude);
      response.setHeader("Content-Type", "application/json").end("{}");
      return;
    }
    default:
      response.writeHead(404).end();
  }
}

/** Undefined where it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
