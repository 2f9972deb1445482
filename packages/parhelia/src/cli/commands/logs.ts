import { findSandbox } from "../../modal/sandboxes.ts";
import { printLogs } from "../../sandbox/print-logs.ts";
import { noSuchSession, withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { LogsOptions, SessionArgument } from "../command-types.ts";

/** `parhelia logs`: what a session's sandbox printed, also after its end. */
export const run: RunCommand<SessionArgument, LogsOptions> = async (context, args, options) => {
  const connection = actOn(await context.loadConfig());
  return withConnection(connection, async (connected) => {
    const sandbox = await findSandbox(connected, args.name, { includeEnded: true });
    if (sandbox === undefined) throw noSuchSession(args.name);
    await printLogs(sandbox, process, options.follow);
    return 0;
  });
};
