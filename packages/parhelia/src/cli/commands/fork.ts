import { checkSessionName } from "../../config/session-name.ts";
import { forkSession } from "../../sandbox/go-on.ts";
import type { RunCommand } from "../command.ts";
import type { ForkArguments, ResumeCommandOptions } from "../command-types.ts";
import { startFromCheckpoint } from "../start-from-checkpoint.ts";

/** `parhelia fork`: a second session that begins with what a first one has. */
export const run: RunCommand<ForkArguments, ResumeCommandOptions> = (
  context,
  { name, newName },
  options,
) => {
  checkSessionName(newName);
  return startFromCheckpoint(context, {
    name: newName,
    options,
    goOn: (configured, given) => forkSession(name, configured, given),
  });
};
