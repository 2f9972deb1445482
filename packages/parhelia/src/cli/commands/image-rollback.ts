import { logLine } from "../../log.ts";
import { rollBackImages, type RolledBackImage } from "../../sandbox/image-tags.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import { refreshBatchFunction } from "../batch-function.ts";
import type { RunCommand } from "../command.ts";
import type { ImageTagArgument, JsonOption } from "../command-types.ts";

/** `parhelia image rollback`: the next sandboxes start from an earlier release (SPEC-01.11a). */
export const run: RunCommand<ImageTagArgument, JsonOption> = async (context, { tag }, options) => {
  const loaded = await context.loadConfig();
  const rolledBack = await withConnection(actOn(loaded), async (connected) => {
    const images = await rollBackImages(connected, tag);
    report(images);
    return { images, function: await refreshBatchFunction(connected, loaded, context.signal) };
  });
  if (options.json) context.printJson(rolledBack);
  else for (const { variant } of rolledBack.images) context.print(`${variant}:latest`);
  return 0;
};

function report(images: readonly RolledBackImage[]): void {
  for (const { variant, tag, changed } of images) {
    const latest = `${variant}:latest`;
    logLine(
      changed
        ? `${latest} is ${tag} again; sandboxes that run keep their image`
        : `${latest} was ${tag} already`,
    );
  }
}
