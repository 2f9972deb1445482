import { logLine } from "../../log.ts";
import { findSandbox } from "../../modal/sandboxes.ts";
import { noSuchSession, withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { None, SessionArgument } from "../command-types.ts";

/** `parhelia rm`: ends a session's sandbox at once; with a session that has ended there is nothing to do. */
export const run: RunCommand<SessionArgument, None> = async (context, { name }) => {
  const connection = actOn(await context.loadConfig());
  await withConnection(connection, async (connected) => {
    const running = await findSandbox(connected, name);
    if (running !== undefined) {
      await running.terminate({ wait: true });
      return;
    }
    const ended = await findSandbox(connected, name, { includeEnded: true });
    if (ended === undefined) throw noSuchSession(name);
  });
  logLine(`${name} is removed; the volume keeps what it wrote below /vol/parhelia`);
  return 0;
};
