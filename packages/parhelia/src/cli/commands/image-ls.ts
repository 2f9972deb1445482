import { listPublishedImages } from "../../modal/images.ts";
import { IMAGE_PREFIX } from "../../sandbox/image-tags.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia image ls`: the published images of both variants. */
export const run: RunCommand<None, JsonOption> = async (context, _args, options) => {
  const images = await withConnection(actOn(await context.loadConfig()), (connected) =>
    listPublishedImages(connected, IMAGE_PREFIX),
  );
  if (options.json) {
    context.printJson(images);
    return 0;
  }
  const rows = images.map(({ tag, publishedAt, imageId }) => [
    tag,
    publishedAt.toISOString(),
    imageId,
  ]);
  for (const line of formatTable(["TAG", "PUBLISHED", "IMAGE"], rows)) context.print(line);
  return 0;
};
