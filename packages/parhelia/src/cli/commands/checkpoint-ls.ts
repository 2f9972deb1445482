import { UserError } from "../../errors.ts";
import { listCheckpoints } from "../../sandbox/list-checkpoints.ts";
import { withConnection } from "../../sandbox/session.ts";
import type { VerifiedCheckpoint } from "../../sandbox/verify-checkpoints.ts";
import { formatBytes, formatDuration } from "../../units.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { CheckpointListOptions, SessionArgument } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia checkpoint ls`: what the volume has of a session, whether it runs or not. */
export const run: RunCommand<SessionArgument, CheckpointListOptions> = async (
  context,
  { name },
  { verify, json },
) => {
  const loaded = await context.loadConfig();
  const { checkpoints, isRemoved } = await withConnection(actOn(loaded), (connected) =>
    listCheckpoints(connected, name, { volumeName: loaded.config.volume.name, verify }),
  );
  if (checkpoints.length === 0) {
    throw new UserError(`${name} has no checkpoint`, {
      hint: `parhelia checkpoint ${name} takes one of a session that runs`,
    });
  }
  if (json) {
    context.printJson(checkpoints.map((checkpoint) => summary(checkpoint, isRemoved)));
    return 0;
  }
  const now = Date.now();
  const rows = checkpoints.map((checkpoint) => {
    const { id, reason, bytes, conversations, status } = summary(checkpoint, isRemoved);
    const age = formatDuration(Math.max(0, now - checkpoint.createdAt.getTime()));
    const facts = [reason ?? "-", formatBytes(bytes), `${conversations ?? "-"}`];
    return [id, age, ...facts, [status, ...remarks(checkpoint)].join(": ")];
  });
  const heads = ["ID", "AGE", "REASON", "SIZE", "CONVERSATIONS", "STATE"];
  for (const line of formatTable(heads, rows)) context.print(line);
  return 0;
};

/** What the state alone does not say. */
function remarks({ damage, isVerified }: VerifiedCheckpoint): string[] {
  if (damage !== undefined) return [damage];
  return isVerified ? [] : ["its size is right; --verify reads it"];
}

function summary(
  { id, createdAt, state, damage, isVerified }: VerifiedCheckpoint,
  isRemoved: boolean,
) {
  const files = Object.values(state?.files ?? {});
  return {
    id,
    createdAt: createdAt.toISOString(),
    reason: state?.reason ?? null,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    conversations: state?.conversations ?? null,
    status: damage !== undefined ? "damaged" : isRemoved ? "removed" : "kept",
    damage: damage ?? null,
    verified: isVerified,
  };
}
