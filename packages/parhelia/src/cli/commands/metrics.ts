import { readMetrics } from "../../sandbox/read-metrics.ts";
import { requireSession, withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, SessionArgument } from "../command-types.ts";

/** `parhelia metrics`: what the endpoint in a session's sandbox shows to Prometheus, through an exec. */
export const run: RunCommand<SessionArgument, JsonOption> = async (context, { name }, { json }) => {
  const connection = actOn(await context.loadConfig());
  const text = await withConnection(connection, async (connected) =>
    readMetrics(await requireSession(connected, name), { json }),
  );
  if (json) context.printJson(JSON.parse(text));
  else context.print(text.trimEnd());
  return 0;
};
