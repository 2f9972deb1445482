/**
 * A real MCP server, made with the official SDK, that a test runs in a sandbox:
 *   mcp-server.js stdio TOOL…       over standard input and output
 *   mcp-server.js http PORT TOOL…   over HTTP on loopback; with MCP_TOKEN only for that bearer token
 * Each TOOL answers with its name.
 */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";

const [transport, ...rest] = process.argv.slice(2);
if (transport === "http") {
  const [port, ...tools] = rest;
  serveHttp(Number(port), tools);
} else {
  void serverWith(rest).connect(new StdioServerTransport());
}

function serverWith(tools: readonly string[]): McpServer {
  const server = new McpServer({ name: "test-server", version: "1.0.0" });
  for (const tool of tools) {
    server.registerTool(tool, { description: `Says ${tool}` }, () => ({
      content: [{ type: "text", text: tool }],
    }));
  }
  return server;
}

function serveHttp(port: number, tools: readonly string[]): void {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const token = process.env["MCP_TOKEN"];
  createServer((request, response) => {
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end(`not the token: ${request.headers.authorization ?? ""}`);
      return;
    }
    void transportFor(String(request.headers["mcp-session-id"])).then((session) =>
      session.handleRequest(request, response),
    );
  }).listen(port, "127.0.0.1");

  async function transportFor(sessionId: string): Promise<StreamableHTTPServerTransport> {
    const existing = sessions.get(sessionId);
    if (existing !== undefined) return existing;
    const session = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, session),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await serverWith(tools).connect(session);
    return session;
  }
}
