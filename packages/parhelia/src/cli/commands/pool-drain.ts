import { logLine } from "../../log.ts";
import { drainPool } from "../../sandbox/pool.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";

/** `parhelia pool drain`: ends the sandboxes that wait for a session. */
export const run: RunCommand<None, JsonOption> = async (context, _args, { json }) => {
  const ended = await withConnection(actOn(await context.loadConfig()), drainPool);
  if (json) context.printJson(ended);
  else for (const sandboxId of ended) context.print(sandboxId);
  logLine(ended.length === 0 ? "no prepared sandbox waits" : "no prepared sandbox waits any more");
  return 0;
};
