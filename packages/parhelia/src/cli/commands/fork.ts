import { checkSessionName } from "../../config/session-name.ts";
import { withConnection } from "../../sandbox/session.ts";
import { planFork } from "../../sandbox/resume-session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { ForkArguments, ResumeCommandOptions } from "../command-types.ts";
import { startFromCheckpoint } from "../start-from-checkpoint.ts";

/** `parhelia fork`: a second session that begins with what a first one has. */
export const run: RunCommand<ForkArguments, ResumeCommandOptions> = async (
  context,
  { name, newName },
  options,
) => {
  checkSessionName(newName);
  const { region, timeout, env } = options;
  const loaded = await context.loadConfig({ region, timeout, env });
  const plan = await withConnection(actOn(loaded), (connected) =>
    planFork(connected, name, { volumeName: loaded.config.volume.name, at: options.at }),
  );
  return startFromCheckpoint(context, { loaded, plan, name: newName, options });
};
