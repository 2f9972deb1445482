import type { BatchTask } from "../../container/protocol/batch.ts";
import type { LoadedConfig } from "../config/load.ts";
import { lockPathFor } from "../config/lock-file.ts";
import { cpuVariant } from "../config/variants.ts";
import type { App } from "../modal/sandboxes.ts";
import type { Connection } from "../modal/connection.ts";
import { findSecret } from "../modal/secrets.ts";
import { ensureImage } from "../sandbox/image.ts";
import { runBatchTask, type BatchRun } from "../sandbox/run-batch-task.ts";
import { withConnection } from "../sandbox/session.ts";
import { actOn } from "./acting.ts";
import { showBuildProgress } from "./build-progress.ts";
import type { CommandContext } from "./command.ts";

/**
 * Runs a batch task as the configuration asks for it, showing the build of an image that is not there.
 * @param taskFor makes the task, once all that it runs in is found
 */
export function runTask<Task extends BatchTask>(
  { cwd, signal }: CommandContext,
  loaded: LoadedConfig,
  taskFor: (connection: Connection, app: App) => Task | Promise<Task>,
): Promise<BatchRun<Task>> {
  const progress = showBuildProgress();
  const connection = { ...actOn(loaded), onBuildLog: progress.onBuildLog };
  const { image, volume, secrets } = loaded.config;
  return withConnection(connection, async (connected) => {
    const appFound = connected.client.apps.fromName(connected.appName, { createIfMissing: true });
    const request = {
      ...image,
      variant: cpuVariant,
      lockPath: lockPathFor(loaded.file, cwd),
      onStep: progress.onStep,
    };
    const [app, foundImage, foundSecrets] = await Promise.all([
      appFound,
      ensureImage(connected, appFound, request),
      Promise.all(secrets.map((secret) => findSecret(connected, secret))),
    ]);
    progress.stop();
    const place = {
      app,
      image: foundImage,
      volumeName: volume.name,
      secrets: foundSecrets.filter((secret) => secret !== undefined),
    };
    return runBatchTask(connected, place, await taskFor(connected, app), signal);
  }).finally(() => {
    progress.stop();
  });
}
