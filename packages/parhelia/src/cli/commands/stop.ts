import type { CheckpointResult } from "../../../container/protocol/checkpoint.ts";
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
  const { modal, volume } = loaded.config;
  const how = { volumeName: volume.name, force, snapshot: modal.snapshot };
  const saved = await withConnection(actOn(loaded), (connected) =>
    stopSession(connected, name, how),
  );
  logLine(describeEnd(name, saved));
  return 0;
};

function describeEnd(name: string, saved: CheckpointResult | undefined): string {
  if (saved === undefined) return `${name} has ended without a checkpoint`;
  return saved.isTooEarly
    ? `${name} has ended without a checkpoint: not all of its project had come; the same parhelia up brings it again`
    : `${name} has ended; parhelia resume ${name} goes on from checkpoint ${saved.id}`;
}
