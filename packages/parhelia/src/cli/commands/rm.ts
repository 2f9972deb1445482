import type { LoadedConfig } from "../../config/load.ts";
import { lockPathFor } from "../../config/lock-file.ts";
import { UserError } from "../../errors.ts";
import { logLine } from "../../log.ts";
import { removeOrphans } from "../../sandbox/orphans.ts";
import { removeSession } from "../../sandbox/remove-session.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { CommandContext, RunCommand } from "../command.ts";
import type { RmArguments, RmOptions } from "../command-types.ts";

/** `parhelia rm`: ends a session's sandbox at once, and gives its checkpoints up; or ends the orphans. */
export const run: RunCommand<RmArguments, RmOptions> = async (context, { name }, { orphans }) => {
  if (orphans === (name !== undefined)) {
    throw new UserError("either a session or --orphans says what is removed", {
      hint: "parhelia rm NAME, or parhelia rm --orphans",
    });
  }
  const loaded = await context.loadConfig();
  if (name !== undefined) {
    await remove(context, loaded, name);
    return 0;
  }
  const removed = await withConnection(actOn(loaded), removeOrphans);
  for (const orphan of removed) context.print(orphan);
  return 0;
};

async function remove(context: CommandContext, loaded: LoadedConfig, name: string): Promise<void> {
  const { volume, image } = loaded.config;
  await withConnection(actOn(loaded), (connected) =>
    removeSession(connected, name, {
      volumeName: volume.name,
      image: { ...image, lockPath: lockPathFor(loaded.file, context.cwd) },
    }),
  );
  logLine(`${name} is removed; its checkpoints stay until they are pruned`);
}
