/**
 * What is known of the configured MCP servers: the launcher keeps it in `/run/parhelia/mcp.json`, and
 * `parhelia-mcp-launcher status` prints it. Holds no values of variables or headers.
 */
export interface McpReport {
  /** The file that was read. */
  readonly source: string;
  /** `malformed`: at least one problem; the servers that are well described are still listed. */
  readonly state: "absent" | "valid" | "malformed";
  readonly servers: readonly McpServerReport[];
  /** One sentence each, naming the place in the file. */
  readonly problems: readonly string[];
}

export type McpTransport = "stdio" | "http" | "sse";

/**
 * `lazy`: Claude Code starts or asks it when it needs it (SPEC-01.15 (4)). `eager`: the launcher checks it as
 * soon as the sandbox is ready, and runs it where it is a program that serves HTTP.
 */
export type McpStart = "lazy" | "eager";

/**
 * `idle` nobody has asked it yet; `starting` on the way to its first answer, or between two attempts; `ready`
 * it answered a handshake; `failed` it did not, or ended too often; `missing-program` what should be started
 * is not in the sandbox; `stopped` ended together with the launcher.
 */
export type McpState = "idle" | "starting" | "ready" | "failed" | "missing-program" | "stopped";

/** One configured MCP server. */
export interface McpServerReport {
  readonly name: string;
  readonly transport: McpTransport;
  readonly start: McpStart;
  readonly state: McpState;
  /** Names, from the last handshake; null before there was one. */
  readonly tools: readonly string[] | null;
  /** Why the last attempt failed, as one sentence. */
  readonly lastError: string | null;
  /** The program that is missing, by the name it was asked for. */
  readonly missingProgram: string | null;
  /** From its start, or from the first request, to its list of tools. */
  readonly startupMs: number | null;
  /** Of the process that the launcher keeps running. */
  readonly pid: number | null;
  /** How often the launcher started it again. */
  readonly restarts: number;
}
