import { cpuVariant, gpuVariant } from "../../config/variants.ts";
import { lockPathFor } from "../../config/lock-file.ts";
import { logLine } from "../../log.ts";
import { buildAndPublish } from "../../sandbox/image.ts";
import { withConnection } from "../../sandbox/session.ts";
import { untilAborted } from "../../sandbox/until-aborted.ts";
import { formatDuration } from "../../units.ts";
import { actOn } from "../acting.ts";
import { noteBatchFunction } from "../batch-function.ts";
import { showBuildProgress } from "../build-progress.ts";
import type { RunCommand } from "../command.ts";
import type { ImageBuildOptions, None } from "../command-types.ts";

/** `parhelia image build`: builds and publishes a variant's `latest` (SPEC-01.10, SPEC-01.11). */
export const run: RunCommand<None, ImageBuildOptions> = async (context, _args, options) => {
  const loaded = await context.loadConfig();
  const variant = options.gpu ? gpuVariant : cpuVariant;
  const progress = showBuildProgress();
  const connection = { ...actOn(loaded), onBuildLog: progress.onBuildLog };
  const { signal } = context;
  const startMs = performance.now();
  const image = await withConnection(connection, async (connected) => {
    const { client, appName } = connected;
    const app = await client.apps.fromName(appName, { createIfMissing: true });
    const request = {
      ...loaded.config.image,
      variant,
      lockPath: lockPathFor(loaded.file, context.cwd),
      force: options.force,
      onStep: progress.onStep,
    };
    const built = await untilAborted(signal, buildAndPublish(connected, app, request));
    await noteBatchFunction(connected, loaded.config.volume.name);
    return built;
  }).finally(() => {
    progress.stop();
  });
  const durationMs = performance.now() - startMs;
  const tag = `${variant.name}:latest`;
  logLine(`published ${tag} after ${formatDuration(durationMs)}`);
  if (options.json) {
    context.printJson({ tag, imageId: image.imageId, durationMs: Math.round(durationMs) });
  } else {
    context.print(tag);
  }
  return 0;
};
