import { readFileSync } from "node:fs";
import type { BatchResult, BatchTask, BatchWork } from "../protocol/batch.ts";
import { health } from "./health.ts";
import { metrics } from "./metrics.ts";
import { prune, volumeUsage } from "../retention/prune.ts";
import { pluginSync } from "../plugins/plugin-sync.ts";

type Work = {
  readonly [Name in keyof BatchWork]: (
    task: BatchWork[Name]["task"],
  ) => Promise<BatchWork[Name]["result"]>;
};

const TASKS: Work = {
  "plugin-sync": (task) => pluginSync(task),
  health: (task) => health(task),
  metrics: (task) => metrics(task),
  prune: (task) => prune(task),
  "volume-usage": (task) => volumeUsage(task),
};

/**
 * `parhelia-container batch [TASK]`: runs one short task to its end (decision D10). TASK is a task's name or
 * the whole task as JSON; left out, it is read from standard input. Prints the result as one line of JSON;
 * the status is 0 when all of the task was done, 1 when not, and 2 when it is no task.
 */
export async function batch([argument]: readonly string[]): Promise<void> {
  process.umask(0o022);
  const task = parseTask(argument ?? readFileSync(0, "utf8"));
  if (task === undefined) {
    const known = Object.keys(TASKS).join(", ");
    process.stderr.write(`parhelia-container batch: not a task; one of ${known}, or {"task": …}\n`);
    process.exitCode = 2;
    return;
  }
  const work = TASKS[task.task] as (task: BatchTask) => Promise<BatchResult>;
  const result = await work(task);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.ok ? 0 : 1;
}

function parseTask(text: string): BatchTask | undefined {
  const isJson = text.trimStart().startsWith("{");
  try {
    const task = (isJson ? JSON.parse(text) : { task: text.trim() }) as Partial<BatchTask>;
    const isKnown = Object.hasOwn(TASKS, task.task ?? "");
    // By its name alone it would not know which sessions run.
    const isWhole =
      task.task !== "prune" || (task.policy !== undefined && task.running !== undefined);
    return isKnown && isWhole ? (task as BatchTask) : undefined;
  } catch {
    return undefined;
  }
}
