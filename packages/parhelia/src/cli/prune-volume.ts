import type { PruneResult } from "../../container/protocol/retention.ts";
import type { LoadedConfig } from "../config/load.ts";
import { logLine } from "../log.ts";
import { listSandboxes } from "../modal/sandboxes.ts";
import { formatBytes } from "../units.ts";
import type { CommandContext } from "./command.ts";
import { runTask } from "./run-task.ts";
import { formatTable } from "./table.ts";

/**
 * Removes what `[retention]` does not keep, and prints it.
 * @returns whether all of it could be removed
 */
export async function pruneVolume(
  context: CommandContext,
  loaded: LoadedConfig,
  options: { readonly json: boolean; readonly dryRun: boolean },
): Promise<boolean> {
  const { result } = await runTask(context, loaded, async (connection, app) => ({
    task: "prune" as const,
    policy: loaded.config.retention,
    // As late as possible: a session that starts from here on has been used just now.
    running: (await listSandboxes(connection, app)).map(({ name }) => name),
    dryRun: options.dryRun,
  }));
  if (options.json) context.printJson(result);
  else for (const line of itemLines(result)) context.print(line);
  for (const { path, error } of result.failures) logLine(`${path} could not be removed: ${error}`);
  logLine(summary(result));
  return result.ok;
}

function itemLines({ removed }: PruneResult): string[] {
  const rows = removed.map(({ path, reason, bytes }) => [path, reason, formatBytes(bytes)]);
  return rows.length === 0 ? [] : formatTable(["PATH", "REASON", "FREES"], rows);
}

function summary(result: PruneResult): string {
  const { removed, freedBytes, checkpointBytes, overCeilingBytes, dryRun } = result;
  const what = removed.length === 1 ? "1 thing" : `${removed.length} things`;
  const done = dryRun ? "would remove" : "removed";
  const over =
    overCeilingBytes === 0
      ? ""
      : `, ${formatBytes(overCeilingBytes)} above [retention] max_checkpoint_gb: only each session's last one is left, or it runs`;
  return `${done} ${what}, ${formatBytes(freedBytes)}; checkpoints hold ${formatBytes(checkpointBytes)}${over}`;
}
