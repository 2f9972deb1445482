import { lockPathFor } from "../../config/lock-file.ts";
import { variants } from "../../config/variants.ts";
import { logLine } from "../../log.ts";
import { releaseImages, type Release } from "../../sandbox/release-images.ts";
import { withConnection } from "../../sandbox/session.ts";
import { untilAborted } from "../../sandbox/until-aborted.ts";
import { actOn } from "../acting.ts";
import { refreshBatchFunction } from "../batch-function.ts";
import { showBuildProgress } from "../build-progress.ts";
import type { RunCommand } from "../command.ts";
import type { ImageReleaseOptions, None } from "../command-types.ts";

/** `parhelia image release`: what the weekly rebuild runs, for both variants (SPEC-01.11a). */
export const run: RunCommand<None, ImageReleaseOptions> = async (context, _args, options) => {
  const loaded = await context.loadConfig();
  const progress = showBuildProgress();
  const connection = { ...actOn(loaded), onBuildLog: progress.onBuildLog };
  const { signal } = context;
  const release = await withConnection(connection, async (connected) => {
    const { client, appName } = connected;
    const app = await client.apps.fromName(appName, { createIfMissing: true });
    const request = {
      ...loaded.config.image,
      variants,
      lockPath: lockPathFor(loaded.file, context.cwd),
      force: options.force,
      onStep: progress.onStep,
      signal,
    };
    const released = await untilAborted(signal, releaseImages(connected, app, request));
    progress.stop();
    report(released);
    return { ...released, function: await refreshBatchFunction(connected, loaded, signal) };
  }).finally(() => {
    progress.stop();
  });
  if (options.json) context.printJson(release);
  else for (const { variant } of release.images) context.print(`${variant}:${release.tag}`);
  return 0;
};

function report({ tag, claudeCode, bun, lockWritten, images }: Release): void {
  logLine(`released ${tag} with Claude Code ${claudeCode} and Bun ${bun}`);
  if (lockWritten !== undefined) logLine(`${lockWritten} pins these versions now: commit it`);
  for (const { variant, changed } of images) {
    logLine(`${variant}:latest ${changed ? `is ${tag} now` : "was this image already"}`);
  }
}
