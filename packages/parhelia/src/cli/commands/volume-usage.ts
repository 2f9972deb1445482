import type {
  ProjectUsage,
  SessionUsage,
  VolumeUsage,
} from "../../../container/protocol/retention.ts";
import { VOLUME_KINDS } from "../../../container/protocol/retention.ts";
import { formatBytes } from "../../units.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";
import { runTask } from "../run-task.ts";
import { formatTable } from "../table.ts";

/** `parhelia volume usage`: what the volume holds, by kind, session and project, and how fast it grows. */
export const run: RunCommand<None, JsonOption> = async (context, _args, options) => {
  const loaded = await context.loadConfig();
  const { result } = await runTask(context, loaded, () => ({ task: "volume-usage" as const }));
  if (options.json) context.printJson(result);
  else for (const line of usageLines(result)) context.print(line);
  return 0;
};

function usageLines(usage: VolumeUsage): string[] {
  const kinds = VOLUME_KINDS.map((kind) => [kind, formatBytes(usage.kinds[kind])]);
  const growth = ["growth a day", formatBytes(usage.growthBytesPerDay)];
  const tables = [
    formatTable(["KIND", "SIZE"], [...kinds, ["all", formatBytes(usage.bytes)], growth]),
    usage.sessions.length === 0 ? [] : formatTable(SESSION_HEADS, usage.sessions.map(sessionRow)),
    usage.projects.length === 0 ? [] : formatTable(PROJECT_HEADS, usage.projects.map(projectRow)),
  ];
  return tables
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

const SESSION_HEADS = ["SESSION", "CHECKPOINTS", "SIZE", "A DAY", "WORKSPACES", "LAST CHECKPOINT"];

function sessionRow(session: SessionUsage): string[] {
  return [
    session.removed ? `${session.name} (removed)` : session.name,
    `${session.checkpoints}`,
    formatBytes(session.checkpointBytes),
    formatBytes(session.growthBytesPerDay),
    formatBytes(session.workspaceBytes),
    session.lastCheckpointAt ?? "-",
  ];
}

const PROJECT_HEADS = ["PROJECT", "SHARED", "TREES", "LAST CHANGE", "SESSIONS"];

function projectRow(project: ProjectUsage): string[] {
  const { sharedBytes, treeBytes, usedAt, sessions } = project;
  return [
    project.project,
    formatBytes(sharedBytes),
    formatBytes(treeBytes),
    usedAt,
    sessions.join(", "),
  ];
}
