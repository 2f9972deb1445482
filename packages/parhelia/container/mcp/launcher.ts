import { MCP_CONFIG_FILE } from "../../src/volume/layout.ts";
import { writeLog } from "../log.ts";
import { writeFileAtomically } from "../write-file.ts";
import type { McpReport, McpServerReport } from "../protocol/mcp-report.ts";
import { MCP_REPORT_TARGET } from "../protocol/paths.ts";
import { LaunchedServers } from "./launched-servers.ts";
import type { McpConfig } from "./read-config.ts";
import { readMcpConfig } from "./read-config.ts";

/**
 * The MCP launcher (SPEC-01.13 step 3, decision D8): reads `mcp_config.json`, takes the eager servers into
 * care, and keeps its report. On HUP it reads the file again. It ends when nothing is left to do, or on TERM
 * with all that it started. A malformed file is reported, not fatal: the sandbox is of use without its MCP
 * servers.
 */
export async function runMcpLauncher(): Promise<void> {
  const servers = new LaunchedServers(writeReport, logState);
  const follow = () => {
    const config = readMcpConfig(MCP_CONFIG_FILE);
    writeLog(summarize(config));
    return servers.follow(config);
  };
  let following = follow();
  const readAgain = () => void (following = following.then(follow));
  process.on("SIGHUP", readAgain);
  process.on("SIGTERM", () => {
    void servers.stop().then(() => process.exit(0));
  });
  let followed: Promise<void>;
  do {
    followed = following;
    await followed;
    await servers.finished();
  } while (followed !== following);
  // From here on HUP ends it, which tells init to start it again.
  process.off("SIGHUP", readAgain);
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
