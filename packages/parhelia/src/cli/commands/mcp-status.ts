import { logLine } from "../../log.ts";
import type { McpServerStatus } from "../../sandbox/mcp-status.ts";
import { allAnswer, checkMcpServers } from "../../sandbox/mcp-status.ts";
import { requireSession, withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, SessionArgument } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia mcp status`: asks a session's MCP servers now; exit status 1 when one does not answer. */
export const run: RunCommand<SessionArgument, JsonOption> = async (context, { name }, { json }) => {
  const loaded = await context.loadConfig();
  const status = await withConnection(actOn(loaded), async (connection) =>
    checkMcpServers(await requireSession(connection, name), loaded.config.image),
  );
  if (json) context.printJson(status);
  else for (const line of formatTable(HEADS, status.servers.map(cells))) context.print(line);
  for (const problem of status.problems) logLine(`${status.source}: ${problem}`);
  if (status.servers.length === 0) logLine("no MCP servers are configured");
  return allAnswer(status) ? 0 : 1;
};

const HEADS = ["NAME", "TRANSPORT", "STATE", "TOOLS", "START-UP", "LAST ERROR"];

function cells(server: McpServerStatus): string[] {
  const { name, transport, state, tools, startupMs, lastError, remedy } = server;
  return [
    name,
    transport,
    state,
    tools === null ? "-" : tools.join(", ") || "none",
    startupMs === null ? "-" : `${startupMs} ms`,
    [lastError, remedy].filter((text) => text !== null).join("; "),
  ];
}
