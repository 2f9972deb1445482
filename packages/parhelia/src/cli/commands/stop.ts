import { logLine } from "../../log.ts";
import { withConnection } from "../../sandbox/session.ts";
import { stopSession } from "../../sandbox/stop-session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { None, SessionArgument } from "../command-types.ts";

/** `parhelia stop`: ends a session's sandbox; the volume keeps what is on it. */
export const run: RunCommand<SessionArgument, None> = async (context, { name }) => {
  const connection = actOn(await context.loadConfig());
  await withConnection(connection, (connected) => stopSession(connected, name));
  logLine(`${name} has ended; what it wrote below /vol/parhelia is on the volume`);
  return 0;
};
