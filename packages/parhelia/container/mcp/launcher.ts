import { MCP_CONFIG_FILE } from "../../src/volume/layout.ts";
import { writeLog } from "../log.ts";
import { writeFileAtomically } from "../write-file.ts";
import type { McpReport } from "../protocol/mcp-report.ts";
import { MCP_REPORT_TARGET } from "../protocol/paths.ts";
import { readMcpConfig } from "./read-config.ts";

/**
 * `parhelia-container mcp-launcher`: reads `mcp_config.json` and reports what it found (decision D8). A
 * malformed file is reported, not fatal: the sandbox is of use without its MCP servers.
 */
export function runMcpLauncher(): void {
  const report = readMcpConfig(MCP_CONFIG_FILE);
  writeFileAtomically(MCP_REPORT_TARGET, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o644 });
  writeLog(summarize(report));
}

/** What goes to the sandbox's log: one line, and one more for each problem. */
export function summarize({ source, state, servers, problems }: McpReport): string {
  if (state === "absent") return "parhelia-mcp-launcher configured: none";
  const names = servers.map(({ name, transport }) => `${name} (${transport})`);
  return [
    `parhelia-mcp-launcher configured: ${names.join(", ") || "none"}`,
    ...problems.map((problem) => `parhelia-mcp-launcher ${source} ${problem}`),
  ].join("\n");
}
