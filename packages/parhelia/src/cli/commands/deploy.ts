import { lockPathFor } from "../../config/lock-file.ts";
import { cpuVariant } from "../../config/variants.ts";
import { logLine } from "../../log.ts";
import { deployBatch } from "../../sandbox/deploy-batch.ts";
import { ensureImage } from "../../sandbox/image.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import { batchSettings } from "../batch-function.ts";
import { showBuildProgress } from "../build-progress.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";

/** `parhelia deploy`: the Function that runs batch tasks (decision D10), with the image that is published now. */
export const run: RunCommand<None, JsonOption> = async (context, _args, { json }) => {
  const loaded = await context.loadConfig();
  const progress = showBuildProgress();
  const connection = { ...actOn(loaded), onBuildLog: progress.onBuildLog };
  const deployed = await withConnection(connection, async (connected) => {
    const app = connected.client.apps.fromName(connected.appName, { createIfMissing: true });
    const lockPath = lockPathFor(loaded.file, context.cwd);
    const request = {
      ...loaded.config.image,
      variant: cpuVariant,
      lockPath,
      onStep: progress.onStep,
    };
    const found = await ensureImage(connected, app, request);
    progress.stop();
    return deployBatch(connected, {
      app: await app,
      image: found,
      ...batchSettings(loaded, context.signal),
    });
  }).finally(() => {
    progress.stop();
  });
  const { app, function: name, volume: on, secrets: withSecrets } = deployed;
  logLine(
    `${name} of ${app} runs batch tasks on ${on}, with secrets ${withSecrets.join(", ") || "none"}`,
  );
  if (json) context.printJson(deployed);
  else context.print(name);
  return 0;
};
