import type {
  BatchResult,
  BatchTask,
  PluginSyncOutcome,
} from "../../../container/protocol/batch.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { lockPathFor, readLock } from "../../config/lock-file.ts";
import { cpuVariant } from "../../config/variants.ts";
import { UserError } from "../../errors.ts";
import { findSecret } from "../../modal/secrets.ts";
import { ensureImage } from "../../sandbox/image.ts";
import { runBatchTask, type BatchRun } from "../../sandbox/run-batch-task.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import { showBuildProgress } from "../build-progress.ts";
import type { CommandContext, RunCommand } from "../command.ts";
import type { BatchArguments, JsonOption } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia batch`: one short task on the volume; ends with 1 when not all of it could be done. */
export const run: RunCommand<BatchArguments, JsonOption> = async (context, args, options) => {
  const loaded = await context.loadConfig();
  const task = taskOf(args.task, lockPathFor(loaded.file, context.cwd));
  const { result, sessions } = await runTask(context, loaded, task);
  if (options.json) context.printJson({ ...result, sessions });
  else for (const line of resultLines(result)) context.print(line);
  return result.ok ? 0 : 1;
};

/** The lock's plugins, where it has any; otherwise those of the last run. */
function taskOf(name: string, lockPath: string): BatchTask {
  if (name !== "plugin-sync") {
    throw new UserError(`there is no batch task named ${name}`, {
      hint: "parhelia batch plugin-sync",
    });
  }
  const sources = readLock(lockPath)?.plugins;
  return { task: name, ...(sources === undefined ? {} : { sources }) };
}

function runTask(
  { cwd, signal }: CommandContext,
  loaded: LoadedConfig,
  task: BatchTask,
): Promise<BatchRun> {
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
    return runBatchTask(connected, place, task, signal);
  }).finally(() => {
    progress.stop();
  });
}

function resultLines({ plugins }: BatchResult): string[] {
  if (plugins.length === 0) return ["no plugin comes from a git repository"];
  const rows = plugins.map((plugin) => [
    plugin.name,
    plugin.commit.slice(0, 12),
    plugin.outcome,
    reasonOf(plugin),
  ]);
  return formatTable(["PLUGIN", "COMMIT", "OUTCOME", ""], rows);
}

function reasonOf(plugin: PluginSyncOutcome): string {
  return plugin.outcome === "failed" ? plugin.error : "";
}
