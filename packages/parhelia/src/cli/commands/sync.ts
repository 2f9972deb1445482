import { lockPluginSources } from "../../config/lock.ts";
import { lockPathFor } from "../../config/lock-file.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { cpuVariant } from "../../config/variants.ts";
import { collectConfiguration } from "../../layers/layer4-runtime-config/collect-configuration.ts";
import type { CollectedConfiguration, SyncTree } from "../../layers/sync-tree.ts";
import { logLine } from "../../log.ts";
import { ensureImage } from "../../sandbox/image.ts";
import { withConnection } from "../../sandbox/session.ts";
import { pushTree } from "../../sandbox/sync-volume.ts";
import type { PushResult } from "../../sandbox/sync-volume.ts";
import { formatBytes } from "../../units.ts";
import { actOn } from "../acting.ts";
import { showBuildProgress } from "../build-progress.ts";
import type { CommandContext, RunCommand } from "../command.ts";
import type { None, SyncOptions } from "../command-types.ts";
import { planLines, warningLines } from "../sync/print-plan.ts";

/** `parhelia sync`: the user's Claude configuration to the volume (SPEC-01.04). */
export const run: RunCommand<None, SyncOptions> = async (context, _args, options) => {
  const loaded = await context.loadConfig();
  const { config } = loaded;
  const collected = collectConfiguration({
    env: context.env,
    cwd: context.cwd,
    allow: config.sync.allow,
    imagePackages: config.image,
  });
  if (options.dryRun) {
    printPlan(context, collected, options);
    return 0;
  }
  const pushed = await push(context, loaded, collected.tree, options);
  const lockPath = lockPathFor(loaded.file, context.cwd);
  if (lockPluginSources(lockPath, collected.pluginSources)) {
    logLine(`recorded ${collected.pluginSources.length} sources of plugins in ${lockPath}`);
  }
  if (options.json) {
    const { plan, pluginSources } = collected;
    context.printJson({ target: config.target, plan, pluginSources, ...pushed });
    return 0;
  }
  for (const line of warningLines(collected.plan, process.stderr)) logLine(line);
  for (const line of resultLines(collected, pushed)) context.print(line);
  return 0;
};

function printPlan(
  context: CommandContext,
  { plan, pluginSources }: CollectedConfiguration,
  options: SyncOptions,
): void {
  if (options.json) context.printJson({ plan, pluginSources });
  else for (const line of planLines(plan, process.stdout)) context.print(line);
}

/** The image is looked up, and built where there is none, only when there is something to send. */
async function push(
  { cwd, signal }: CommandContext,
  loaded: LoadedConfig,
  tree: SyncTree,
  { overwriteEdited }: SyncOptions,
): Promise<PushResult> {
  const progress = showBuildProgress();
  const connection = { ...actOn(loaded), onBuildLog: progress.onBuildLog };
  const { image, volume } = loaded.config;
  return withConnection(connection, (connected) =>
    pushTree(connected, tree, {
      place: async () => {
        const app = connected.client.apps.fromName(connected.appName, { createIfMissing: true });
        const request = {
          ...image,
          variant: cpuVariant,
          lockPath: lockPathFor(loaded.file, cwd),
          onStep: progress.onStep,
        };
        const found = await ensureImage(connected, app, request);
        progress.stop();
        return { app: await app, image: found };
      },
      volumeName: volume.name,
      overwriteEdited,
      signal,
    }),
  ).finally(() => {
    progress.stop();
  });
}

function resultLines({ plan }: CollectedConfiguration, pushed: PushResult): string[] {
  if (!pushed.changed) return [`nothing to send: the volume has these ${plan.fileCount} files`];
  const { sentFiles, sentBytes, removedFiles, keptEdited, sessions } = pushed;
  return [
    `sent ${sentFiles} of ${plan.fileCount} files (${formatBytes(sentBytes)}), removed ${removedFiles}`,
    ...keptEdited.map(
      (path) => `${path} was edited on the volume and stays; --overwrite-edited replaces it`,
    ),
    ...sessions.map(sessionLine),
  ];
}

function sessionLine(session: PushResult["sessions"][number]): string {
  const { name, reloadFailure, runningClaudes } = session;
  if (reloadFailure !== undefined) {
    const again = `parhelia stop ${name}, then parhelia resume ${name}`;
    return `session ${name} does not see it (${reloadFailure}): ${again}`;
  }
  if (runningClaudes === 0) return `session ${name} has it`;
  return `session ${name} has it; claude runs there with what it read before: /exit, then claude --continue`;
}
