import { readFileSync } from "node:fs";
import type { McpReport, McpStart, McpTransport } from "../protocol/mcp-report.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** `mcp_config.json`, read. */
export interface McpConfig extends Omit<McpReport, "servers"> {
  readonly servers: readonly McpServerConfig[];
}

/** One server as it is configured. Values may be secrets. */
export interface McpServerConfig {
  readonly name: string;
  readonly transport: McpTransport;
  readonly start: McpStart;
  /** For the whole handshake, the start of the program included. */
  readonly timeoutMs: number;
  /** The program to start; of a server over HTTP only where it runs in the sandbox. */
  readonly command?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Of servers over HTTP. */
  readonly url?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A server that has not answered by then hangs, for all that Claude Code's user can tell. */
export const DEFAULT_TIMEOUT_MS = 10_000;

/** Reads and checks `mcp_config.json`. A missing file is fine: then nothing is configured. */
export function readMcpConfig(path: string): McpConfig {
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
 * Checks the text of an `mcp_config.json`: `{"mcpServers": {NAME: {command, args?, env?, cwd?} | {type, url, headers?}}}`.
 * What Parhelia adds to Claude Code's keys: `"start": "lazy" | "eager"`, for one server or beside `mcpServers` for all;
 * `"timeoutMs"`; and a `command` beside a `url`, for a server over HTTP that runs in the sandbox. Nobody else
 * starts such a one, so that it is eager unless the file says otherwise. Problems quote keys, never values: those
 * may be secrets.
 */
export function parseMcpConfig(text: string): Omit<McpConfig, "source"> {
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
  const servers: McpServerConfig[] = [];
  const problems: string[] = [];
  if (!isStart(content.start ?? "lazy")) problems.push(START_PROBLEM);
  const startOfAll = isStart(content.start) ? content.start : undefined;
  for (const [name, description] of Object.entries((content.mcpServers ?? {}) as JsonObject)) {
    const problem = isObject(description) ? findProblem(description) : "must be an object";
    if (problem === null) servers.push(serverOf(name, description as JsonObject, startOfAll));
    else problems.push(`mcpServers.${name}: ${problem}`);
  }
  return { state: problems.length === 0 ? "valid" : "malformed", servers, problems };
}

const TRANSPORTS = ["stdio", "http", "sse"] as const;

const START_PROBLEM = '"start" must be "lazy" or "eager"';

function transportOf(server: JsonObject): unknown {
  return server.type ?? "stdio";
}

/** Of a description without problems. */
function serverOf(
  name: string,
  server: JsonObject,
  startOfAll: McpStart | undefined,
): McpServerConfig {
  const described = server as Partial<McpServerConfig>;
  const transport = transportOf(server) as McpTransport;
  const { command, args = [], env = {}, cwd, url, headers = {} } = described;
  const ownDefault = transport !== "stdio" && command !== undefined ? "eager" : "lazy";
  return {
    name,
    transport,
    start: described.start ?? startOfAll ?? ownDefault,
    timeoutMs: described.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    ...(command === undefined ? {} : { command }),
    args,
    env,
    ...(cwd === undefined ? {} : { cwd }),
    ...(url === undefined || transport === "stdio" ? {} : { url }),
    headers,
  };
}

function findProblem(server: JsonObject): string | null {
  const transport = transportOf(server);
  if (!TRANSPORTS.some((known) => known === transport))
    return `"type" must be one of ${TRANSPORTS.join(", ")}`;
  return (
    findCommonProblem(server) ??
    (transport === "stdio" ? findStdioProblem(server) : findHttpProblem(server))
  );
}

function findCommonProblem({ start, timeoutMs, args, env, cwd }: JsonObject): string | null {
  if (start !== undefined && !isStart(start)) return START_PROBLEM;
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs > 0))
    return '"timeoutMs" must be a number of milliseconds above 0';
  if (args !== undefined && !(Array.isArray(args) && args.every(isString)))
    return '"args" must be a list of strings';
  if (env !== undefined && !isStringMap(env)) return '"env" must hold strings';
  if (cwd !== undefined && !isString(cwd)) return '"cwd" must be a directory';
  return null;
}

function findStdioProblem({ command, url }: JsonObject): string | null {
  if (isProgram(command)) return null;
  return url === undefined
    ? '"command" must be a program\'s name'
    : '"type" must be "http" or "sse" where "url" is an address';
}

function findHttpProblem({ command, url, headers }: JsonObject): string | null {
  // The address may as a whole come from a variable.
  if (!isString(url) || !/^(https?:\/\/[^/]|\$\{)/.test(url))
    return '"url" must be an http or https address';
  if (headers !== undefined && !isStringMap(headers)) return '"headers" must hold strings';
  if (command !== undefined && !isProgram(command)) return '"command" must be a program\'s name';
  return null;
}

function isStart(value: unknown): value is McpStart {
  return value === "lazy" || value === "eager";
}

function isProgram(value: unknown): boolean {
  return isString(value) && value !== "";
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
