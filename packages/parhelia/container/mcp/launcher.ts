import { MCP_CONFIG_FILE } from "../../src/volume/layout.ts";
import { writeLog } from "../log.ts";
import { writeFileAtomically } from "../write-file.ts";
import type { McpReport, McpServerReport } from "../protocol/mcp-report.ts";
import { MCP_REPORT_TARGET } from "../protocol/paths.ts";
import type { McpConfig, McpServerConfig } from "./read-config.ts";
import { readMcpConfig } from "./read-config.ts";

/**
 * The MCP launcher (SPEC-01.13 step 3, decision D8): reads `mcp_config.json`, takes the eager servers into
 * care, and keeps its report. It ends when nothing is left to do, or on TERM with all that it started. A
 * malformed file is reported, not fatal: the sandbox is of use without its MCP servers.
 */
export async function runMcpLauncher(): Promise<void> {
  const config = readMcpConfig(MCP_CONFIG_FILE);
  writeLog(summarize(config));
  const servers = config.servers.map(unasked);
  const write = () => writeReport({ ...config, servers });
  write();
  if (!servers.some(({ start }) => start === "eager")) return;

  // Only now: a sandbox without eager servers need not load the SDK.
  const { superviseServer } = await import("./supervise-server.ts");
  const supervised = config.servers.flatMap((server, index) => {
    if (server.start === "lazy") return [];
    return superviseServer(server, process.env, (change) => {
      const before = servers[index] ?? unasked(server);
      const now = { ...before, ...change };
      servers[index] = now;
      write();
      if (now.state !== before.state) logState(now);
    });
  });
  process.on("SIGTERM", () => {
    void Promise.allSettled(supervised.map((server) => server.stop())).then(() => {
      for (const [index, server] of servers.entries()) {
        if (server.pid !== null) servers[index] = { ...server, state: "stopped", pid: null };
      }
      write();
      process.exit(0);
    });
  });
  await Promise.all(supervised.map((server) => server.finished));
}

/** What is known of a server that nobody has asked. */
export function unasked({ name, transport, start }: McpServerConfig): McpServerReport {
  return {
    name,
    transport,
    start,
    state: "idle",
    tools: null,
    lastError: null,
    missingProgram: null,
    startupMs: null,
    pid: null,
    restarts: 0,
  };
}

/** What goes to the sandbox's log: one line, and one more for each problem. */
export function summarize({ source, state, servers, problems }: McpConfig): string {
  if (state === "absent") return "parhelia-mcp-launcher configured: none";
  const names = servers.map(({ name, transport }) => `${name} (${transport})`);
  return [
    `parhelia-mcp-launcher configured: ${names.join(", ") || "none"}`,
    ...problems.map((problem) => `parhelia-mcp-launcher ${source} ${problem}`),
  ].join("\n");
}

function logState({ name, state, tools, startupMs, lastError }: McpServerReport): void {
  if (state === "ready")
    writeLog(
      `parhelia-mcp-launcher ${name} ready ${startupMs ?? 0}ms, ${tools?.length ?? 0} tools`,
    );
  else if (state !== "starting" || lastError !== null)
    writeLog(`parhelia-mcp-launcher ${name} ${state}: ${lastError ?? ""}`);
}

function writeReport(report: McpReport): void {
  writeFileAtomically(MCP_REPORT_TARGET, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o644 });
}
