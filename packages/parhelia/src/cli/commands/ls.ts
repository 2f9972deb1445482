import { logLine } from "../../log.ts";
import { formatDuration } from "../../units.ts";
import { listSessions } from "../../sandbox/list-sessions.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { LsOptions, None } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia ls`: the sessions that run, and what they have cost so far. */
export const run: RunCommand<None, LsOptions> = async (context, _args, options) => {
  const loaded = await context.loadConfig();
  const { target, cost } = loaded.config;
  const all = await withConnection(actOn(loaded), (connection) => listSessions(connection, cost));
  const sessions = all.filter(({ orphan }) => orphan || !options.orphans);
  if (options.json) {
    context.printJson(sessions);
    return 0;
  }
  const now = Date.now();
  const rows = sessions.map((session) => [
    session.name,
    session.ready ? "ready" : "starting",
    session.variant,
    formatDuration(now - session.createdAt.getTime()),
    session.idleMs === null ? "-" : formatDuration(session.idleMs),
    formatDuration(Math.max(0, session.expiresAt.getTime() - now)),
    target === "local" ? "-" : formatCost(session.estimatedCost),
    session.sandboxId,
  ]);
  const heads = ["NAME", "STATE", "VARIANT", "AGE", "IDLE", "TIME LEFT", "COST", "SANDBOX"];
  for (const line of formatTable(heads, rows)) context.print(line);
  if (target === "modal") logLine(describeRates(cost.asOf));
  return 0;
};

/** Nothing here asks Modal for its prices. */
function describeRates(asOf: string): string {
  return `costs are estimates, by rates as of ${asOf}; [cost] changes them; https://modal.com/pricing has Modal's`;
}

/** The rates are estimates, and what is used above the reservation is not in it. */
function formatCost(dollars: number | null): string {
  return dollars === null ? "unknown" : `~$${dollars.toFixed(2)}`;
}
