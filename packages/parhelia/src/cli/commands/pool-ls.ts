import { listPool } from "../../sandbox/pool.ts";
import { withConnection } from "../../sandbox/session.ts";
import { formatDuration } from "../../units.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia pool ls`: the sandboxes that wait for a session, and what that costs. */
export const run: RunCommand<None, JsonOption> = async (context, _args, { json }) => {
  const loaded = await context.loadConfig();
  const { target, cost } = loaded.config;
  const pool = await withConnection(actOn(loaded), (connection) => listPool(connection, cost));
  if (json) {
    context.printJson(pool);
    return 0;
  }
  const now = Date.now();
  const dollars = (amount: number | null) =>
    target === "local" ? "-" : amount === null ? "unknown" : `~$${amount.toFixed(2)}`;
  const rows = pool.map((sandbox) => [
    sandbox.sandboxId,
    sandbox.ready ? "ready" : "starting",
    sandbox.variant,
    sandbox.gpu ?? "-",
    formatDuration(now - sandbox.createdAt.getTime()),
    formatDuration(Math.max(0, sandbox.claimBy.getTime() - now)),
    dollars(sandbox.costPerHour),
    dollars(sandbox.estimatedCost),
  ]);
  const heads = ["SANDBOX", "STATE", "VARIANT", "GPU", "AGE", "WAITS FOR", "COST PER HOUR", "COST"];
  for (const line of formatTable(heads, rows)) context.print(line);
  return 0;
};
