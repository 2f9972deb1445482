import { readFileSync } from "node:fs";
import type { McpReport, McpServer } from "../protocol/mcp-report.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads and checks `mcp_config.json`. A missing file is fine: then nothing is configured. */
export function readMcpConfig(path: string): McpReport {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return { source: path, state: "absent", servers: [], problems: [] };
    return {
      source: path,
      state: "malformed",
      servers: [],
      problems: [`cannot be read (${code})`],
    };
  }
  return { source: path, ...parseMcpConfig(text) };
}

/**
 * Checks the text of an `mcp_config.json`: `{"mcpServers": {NAME: {command, args?, env?} | {type, url, headers?}}}`,
 * with an optional `"start": "lazy" | "eager"`. Unknown keys are Claude Code's business. Problems quote
 * keys, never values: those may be secrets.
 */
export function parseMcpConfig(text: string): Omit<McpReport, "source"> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text around the mistake.
    return { state: "malformed", servers: [], problems: ["is not valid JSON"] };
  }
  if (!isObject(content) || !isObject(content.mcpServers ?? {})) {
    return { state: "malformed", servers: [], problems: ['"mcpServers" must be an object'] };
  }
  const servers: McpServer[] = [];
  const problems: string[] = [];
  for (const [name, description] of Object.entries((content.mcpServers ?? {}) as JsonObject)) {
    const problem = isObject(description) ? findProblem(description) : "must be an object";
    if (problem === null) servers.push(serverOf(name, description as JsonObject));
    else problems.push(`mcpServers.${name}: ${problem}`);
  }
  return { state: problems.length === 0 ? "valid" : "malformed", servers, problems };
}

const TRANSPORTS = ["stdio", "http", "sse"] as const;

function transportOf(server: JsonObject): unknown {
  return server.type ?? "stdio";
}

function serverOf(name: string, server: JsonObject): McpServer {
  return {
    name,
    transport: transportOf(server) as McpServer["transport"],
    start: server.start === "eager" ? "eager" : "lazy",
  };
}

function findProblem(server: JsonObject): string | null {
  const transport = transportOf(server);
  if (!TRANSPORTS.some((known) => known === transport))
    return `"type" must be one of ${TRANSPORTS.join(", ")}`;
  if (server.start !== undefined && server.start !== "lazy" && server.start !== "eager") {
    return '"start" must be "lazy" or "eager"';
  }
  return transport === "stdio" ? findStdioProblem(server) : findHttpProblem(server);
}

function findStdioProblem({ command, args, env }: JsonObject): string | null {
  if (typeof command !== "string" || command === "") return '"command" must be a program\'s name';
  if (args !== undefined && !(Array.isArray(args) && args.every(isString)))
    return '"args" must be a list of strings';
  if (env !== undefined && !isStringMap(env)) return '"env" must hold strings';
  return null;
}

function findHttpProblem({ url, headers }: JsonObject): string | null {
  if (typeof url !== "string" || !/^https?:\/\/[^/]/.test(url))
    return '"url" must be an http or https address';
  if (headers !== undefined && !isStringMap(headers)) return '"headers" must hold strings';
  return null;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isStringMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isString);
}
