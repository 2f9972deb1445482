import { passThrough } from "../../sandbox/pass-through.ts";
import { startCommand } from "../../sandbox/exec.ts";
import { requireSession, withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { ExecArguments, ExecOptions } from "../command-types.ts";

/** `parhelia exec`: a command in a session; ends with its status. */
export const run: RunCommand<ExecArguments, ExecOptions> = async (context, args, options) => {
  const connection = actOn(await context.loadConfig());
  return withConnection(connection, async (connected) => {
    const sandbox = await requireSession(connected, args.name);
    const command = await startCommand(sandbox, args.command, options);
    return passThrough(command, process);
  });
};
