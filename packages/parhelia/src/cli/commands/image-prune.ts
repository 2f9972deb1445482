import { UserError } from "../../errors.ts";
import { logLine } from "../../log.ts";
import { pruneImages } from "../../sandbox/image-tags.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { ImagePruneOptions, None } from "../command-types.ts";

/** A month of weekly releases. */
const DEFAULT_KEEP = 4;

/** `parhelia image prune`: deletes the images of old releases. */
export const run: RunCommand<None, ImagePruneOptions> = async (context, _args, options) => {
  const keep = readKeep(options.keep);
  const connection = actOn(await context.loadConfig());
  const { dryRun } = options;
  const plan = await withConnection(connection, (connected) =>
    pruneImages(connected, keep, { dryRun }),
  );
  for (const { tag } of plan.shared) logLine(`${tag} stays: its image has another name`);
  const count = plan.remove.length;
  logLine(
    count === 0
      ? "there is no old release to delete"
      : `${dryRun ? "would delete" : "deleted"} ${count} old ${count === 1 ? "release" : "releases"}`,
  );
  if (options.json) context.printJson(plan);
  else for (const { tag } of plan.remove) context.print(tag);
  return 0;
};

function readKeep(text: string | undefined): number {
  if (text === undefined) return DEFAULT_KEEP;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UserError(`--keep ${text} is not a number of releases`, {
    hint: `give a whole number from 1 on, such as --keep ${DEFAULT_KEEP}`,
  });
}
