import { resumeSession } from "../../sandbox/go-on.ts";
import type { RunCommand } from "../command.ts";
import type { ResumeCommandOptions, SessionArgument } from "../command-types.ts";
import { startFromCheckpoint } from "../start-from-checkpoint.ts";

/** `parhelia resume`: a new sandbox in which a session goes on from a checkpoint. */
export const run: RunCommand<SessionArgument, ResumeCommandOptions> = (
  context,
  { name },
  options,
) => startFromCheckpoint(context, { name, options, goOn: resumeSession });
