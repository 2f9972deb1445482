import { withConnection } from "../../sandbox/session.ts";
import { planResume } from "../../sandbox/resume-session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { ResumeCommandOptions, SessionArgument } from "../command-types.ts";
import { startFromCheckpoint } from "../start-from-checkpoint.ts";

/** `parhelia resume`: a new sandbox in which a session goes on from a checkpoint. */
export const run: RunCommand<SessionArgument, ResumeCommandOptions> = async (
  context,
  { name },
  options,
) => {
  const { region, timeout, env } = options;
  const loaded = await context.loadConfig({ region, timeout, env });
  const plan = await withConnection(actOn(loaded), (connected) =>
    planResume(connected, name, { volumeName: loaded.config.volume.name, at: options.at }),
  );
  return startFromCheckpoint(context, { loaded, plan, name, options });
};
