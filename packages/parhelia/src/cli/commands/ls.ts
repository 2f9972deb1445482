import { formatDuration } from "../../units.ts";
import { listSessions } from "../../sandbox/list-sessions.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia ls`: the sessions that run. */
export const run: RunCommand<None, JsonOption> = async (context, _args, options) => {
  const sessions = await withConnection(actOn(await context.loadConfig()), listSessions);
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
    formatDuration(Math.max(0, session.expiresAt.getTime() - now)),
    session.sandboxId,
  ]);
  const heads = ["NAME", "STATE", "VARIANT", "AGE", "TIME LEFT", "SANDBOX"];
  for (const line of formatTable(heads, rows)) context.print(line);
  return 0;
};
