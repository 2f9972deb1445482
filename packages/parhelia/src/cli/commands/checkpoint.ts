import { logLine } from "../../log.ts";
import { checkpointSession } from "../../sandbox/checkpoint-session.ts";
import { withConnection } from "../../sandbox/session.ts";
import { formatBytes, formatDuration } from "../../units.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, SessionArgument } from "../command-types.ts";

/** `parhelia checkpoint`: takes a checkpoint of a session now. */
export const run: RunCommand<SessionArgument, JsonOption> = async (context, { name }, { json }) => {
  const loaded = await context.loadConfig();
  const { modal, volume } = loaded.config;
  const how = { volumeName: volume.name, snapshot: modal.snapshot };
  const result = await withConnection(actOn(loaded), (connected) =>
    checkpointSession(connected, name, how),
  );
  if (json) context.printJson(result);
  else context.print(result.id ?? "");
  logLine(
    result.unchanged
      ? `nothing has changed since this checkpoint of ${name}`
      : `checkpoint of ${name}: ${formatBytes(result.bytes)} in ${formatDuration(result.durationMs)}`,
  );
  return 0;
};
