import type { PluginSyncOutcome, PluginSyncResult } from "../../../container/protocol/batch.ts";
import type { HealthResult } from "../../../container/protocol/health.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { lockPathFor, readLock } from "../../config/lock-file.ts";
import { UserError } from "../../errors.ts";
import { listSecrets } from "../../modal/secrets.ts";
import { formatBytes } from "../../units.ts";
import type { CommandContext, RunCommand } from "../command.ts";
import type { BatchArguments, JsonOption } from "../command-types.ts";
import { pruneVolume } from "../prune-volume.ts";
import { runTask } from "../run-task.ts";
import { formatTable } from "../table.ts";

type RunTask = (context: CommandContext, loaded: LoadedConfig, json: boolean) => Promise<boolean>;

const TASKS: Readonly<Record<string, RunTask>> = {
  "plugin-sync": syncPlugins,
  health: checkHealth,
  metrics: collectMetrics,
  prune: (context, loaded, json) => pruneVolume(context, loaded, { json, dryRun: false }),
};

/** `parhelia batch`: one short task on the volume; ends with 1 when not all of it could be done. */
export const run: RunCommand<BatchArguments, JsonOption> = async (context, { task }, options) => {
  const work = Object.hasOwn(TASKS, task) ? TASKS[task] : undefined;
  if (work === undefined) {
    throw new UserError(`there is no batch task named ${task}`, {
      hint: Object.keys(TASKS)
        .map((name) => `parhelia batch ${name}`)
        .join(", or "),
    });
  }
  return (await work(context, await context.loadConfig(), options.json)) ? 0 : 1;
};

/** The lock's plugins, where it has any; otherwise those of the last run. */
async function syncPlugins(
  context: CommandContext,
  loaded: LoadedConfig,
  json: boolean,
): Promise<boolean> {
  const sources = readLock(lockPathFor(loaded.file, context.cwd))?.plugins;
  const { result, ranBy, sessions } = await runTask(context, loaded, () => ({
    task: "plugin-sync" as const,
    ...(sources === undefined ? {} : { sources }),
  }));
  if (json) context.printJson({ ...result, ranBy, sessions });
  else for (const line of pluginLines(result)) context.print(line);
  return result.ok;
}

/** The variables of the configured secrets should be in the environment of every session. */
async function checkHealth(
  context: CommandContext,
  loaded: LoadedConfig,
  json: boolean,
): Promise<boolean> {
  const names = new Set(loaded.config.secrets.map(({ name }) => name));
  const { result, ranBy } = await runTask(context, loaded, async (connection) => {
    const secrets = (await listSecrets(connection)).filter(({ name }) => names.has(name));
    return { task: "health" as const, variables: secrets.flatMap(({ keys }) => keys).sort() };
  });
  if (json) context.printJson({ ...result, ranBy });
  else for (const line of healthLines(result)) context.print(line);
  return result.ok;
}

/** Numbers are for programs: they are JSON in either case. */
async function collectMetrics(context: CommandContext, loaded: LoadedConfig): Promise<boolean> {
  const { result, ranBy } = await runTask(context, loaded, () => ({ task: "metrics" as const }));
  context.printJson({ ...result, ranBy });
  return result.ok;
}

function healthLines({
  problems,
  mounts,
  disks,
  versions,
  variables,
  mcp,
}: HealthResult): string[] {
  const rows = [
    ...mounts.map(({ path, fileSystem }) => ["volume", path, fileSystem ?? "not mounted"]),
    ...disks.map(({ path, freeBytes, totalBytes }) => [
      "disk",
      path,
      `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free`,
    ]),
    ...Object.entries(versions).map(([name, version]) => ["program", name, version ?? "missing"]),
    ...variables.map(({ name, present }) => ["secret", name, present ? "set" : "not set"]),
    ...(mcp?.servers ?? []).map(({ name, state }) => ["MCP server", name, state]),
  ];
  return [
    ...formatTable(["WHAT", "NAME", "STATE"], rows),
    ...problems.map((problem) => `problem: ${problem}`),
  ];
}

function pluginLines({ plugins }: PluginSyncResult): string[] {
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
