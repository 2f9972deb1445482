import { readFileSync } from "node:fs";
import { MCP_CONFIG_FILE } from "../../src/volume/layout.ts";
import type { McpReport, McpServerReport } from "../protocol/mcp-report.ts";
import { MCP_REPORT_FILE } from "../protocol/paths.ts";
import { connectServer } from "./connect-server.ts";
import { unasked } from "./launched-servers.ts";
import { prepareServer } from "./prepare-server.ts";
import type { McpServerConfig } from "./read-config.ts";
import { readMcpConfig } from "./read-config.ts";
import { failure } from "./supervise-server.ts";

/**
 * `parhelia-mcp-launcher status`: asks every configured server now, all at the same time, and prints the
 * report. Servers that do not run are started for it and ended.
 */
export async function printStatus(): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => process.exit(1)); // which ends what was started
  }
  const config = readMcpConfig(MCP_CONFIG_FILE);
  const launched = readReport();
  const servers = await Promise.all(
    config.servers.map((server) =>
      checkServer(
        server,
        launched.find(({ name }) => name === server.name),
      ),
    ),
  );
  const report: McpReport = { ...config, servers };
  await new Promise((resolve) => process.stdout.write(`${JSON.stringify(report)}\n`, resolve));
}

/** @param launched what the launcher says of it */
async function checkServer(
  config: McpServerConfig,
  launched: McpServerReport | undefined,
): Promise<McpServerReport> {
  if (launched !== undefined && isInCare(config, launched)) return checkInCare(config, launched);
  try {
    const { tools, startupMs, process } = await connectServer(prepareServer(config, environment()));
    await process?.stop();
    return { ...unasked(config), state: "ready", tools, startupMs };
  } catch (error) {
    return { ...unasked(config), ...failure(error) };
  }
}

/** A program over HTTP that the launcher runs, is about to run again, or has given up. */
function isInCare(config: McpServerConfig, { start, state }: McpServerReport): boolean {
  const isRun = config.transport !== "stdio" && config.command !== undefined;
  return isRun && start === "eager" && ["starting", "ready", "failed"].includes(state);
}

/** Asks what runs, and starts no second one. */
async function checkInCare(
  config: McpServerConfig,
  launched: McpServerReport,
): Promise<McpServerReport> {
  try {
    const { tools } = await connectServer(prepareServer(addressOf(config), environment()));
    return { ...launched, state: "ready", tools };
  } catch (error) {
    if (launched.state === "ready") return { ...launched, ...failure(error) };
    return { ...launched, lastError: launched.lastError ?? failure(error).lastError ?? null };
  }
}

/** Without the program. */
function addressOf(config: McpServerConfig): McpServerConfig {
  return Object.fromEntries(
    Object.entries(config).filter(([key]) => key !== "command"),
  ) as unknown as McpServerConfig;
}

function environment(): NodeJS.ProcessEnv {
  return process.env;
}

/** Empty when the launcher has not run yet. */
function readReport(): readonly McpServerReport[] {
  try {
    return (JSON.parse(readFileSync(MCP_REPORT_FILE, "utf8")) as McpReport).servers;
  } catch {
    return [];
  }
}
