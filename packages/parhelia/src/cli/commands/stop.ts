import { logLine } from "../../log.ts";
import { withConnection } from "../../sandbox/session.ts";
import { stopSession } from "../../sandbox/stop-session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { SessionArgument, StopCommandOptions } from "../command-types.ts";

/** `parhelia stop`: saves a session and ends its sandbox. */
export const run: RunCommand<SessionArgument, StopCommandOptions> = async (
  context,
  { name },
  { force },
) => {
  const loaded = await context.loadConfig();
  const volumeName = loaded.config.volume.name;
  const saved = await withConnection(actOn(loaded), (connected) =>
    stopSession(connected, name, { volumeName, force }),
  );
  logLine(
    saved === undefined
      ? `${name} has ended without a checkpoint`
      : `${name} has ended; parhelia resume ${name} goes on from checkpoint ${saved.id}`,
  );
  return 0;
};
