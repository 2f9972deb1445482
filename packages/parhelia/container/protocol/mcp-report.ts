/** What the MCP launcher found, as it stands in `/run/parhelia/mcp.json`. Holds no values of variables or headers. */
export interface McpReport {
  /** The file that was read. */
  readonly source: string;
  /** `malformed`: at least one problem; the servers that are well described are still listed. */
  readonly state: "absent" | "valid" | "malformed";
  readonly servers: readonly McpServer[];
  /** One sentence each, naming the place in the file. */
  readonly problems: readonly string[];
}

/** One configured MCP server. */
export interface McpServer {
  readonly name: string;
  readonly transport: "stdio" | "http" | "sse";
  /** `lazy`, the default: Claude Code starts it when it needs it (SPEC-01.15 (4)). */
  readonly start: "lazy" | "eager";
}
