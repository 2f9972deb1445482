import type { RunCommand } from "../command.ts";
import type { None, VolumePruneOptions } from "../command-types.ts";
import { pruneVolume } from "../prune-volume.ts";

/** `parhelia volume prune`: removes what `[retention]` does not keep; ends with 1 when something stayed. */
export const run: RunCommand<None, VolumePruneOptions> = async (context, _args, options) =>
  (await pruneVolume(context, await context.loadConfig(), options)) ? 0 : 1;
