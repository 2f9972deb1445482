import { logLine } from "../../log.ts";
import { rollBackImages } from "../../sandbox/image-tags.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { ImageTagArgument, JsonOption } from "../command-types.ts";

/** `parhelia image rollback`: the next sandboxes start from an earlier release (SPEC-01.11a). */
export const run: RunCommand<ImageTagArgument, JsonOption> = async (context, { tag }, options) => {
  const connection = actOn(await context.loadConfig());
  const images = await withConnection(connection, (connected) => rollBackImages(connected, tag));
  for (const image of images) {
    const latest = `${image.variant}:latest`;
    logLine(
      image.changed
        ? `${latest} is ${image.tag} again; sandboxes that run keep their image`
        : `${latest} was ${image.tag} already`,
    );
  }
  if (options.json) context.printJson(images);
  else for (const { variant } of images) context.print(`${variant}:latest`);
  return 0;
};
