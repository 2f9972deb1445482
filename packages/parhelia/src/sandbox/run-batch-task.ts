import type { BatchResult, BatchTask } from "../../container/protocol/batch.ts";
import { BATCH_FUNCTION, BATCH_TIMEOUT_MS } from "../../container/protocol/batch.ts";
import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import { SystemError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { findFunction, startCall, type CallOutcome, type Function_ } from "../modal/functions.ts";
import type { App, Image, Sandbox, Secret } from "../modal/sandboxes.ts";
import { VOLUME_ROOT } from "../volume/layout.ts";
import { reloadSessions, type SyncedSession } from "./sync-sessions.ts";
import { untilAborted } from "./until-aborted.ts";

/** Where a batch task runs. */
export interface BatchPlace {
  readonly app: App;
  /** Of any variant: it has the program that runs the tasks. */
  readonly image: Image;
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
  /** Their variables are in the task's environment: GITHUB_TOKEN opens private repositories. */
  readonly secrets: readonly Secret[];
  /** How long a sandbox may take, in whole seconds; a Function has its own limit. Default: 300 s. */
  readonly timeoutMs?: number | undefined;
}

/** A batch task that ran to its end. */
export interface BatchRun<Task extends BatchTask = BatchTask> {
  readonly result: BatchResult<Task>;
  readonly ranBy: "function" | "sandbox";
  /** The sessions that run, and were told to look at the volume again; none where the task changes nothing. */
  readonly sessions: readonly SyncedSession[];
}

/** What runs in the image, wherever it runs. */
export const BATCH_COMMAND = [CONTAINER_PROGRAM, "batch"];

/** A sandbox that is paid for while it waits for the network asks for less than the Function. */
const SANDBOX_RESOURCES = { cpu: 1, memoryMiB: 1024 };

const DEFAULT_VOLUME = "parhelia-vol";

/** After these, sessions look at the volume again. */
const CHANGING: ReadonlySet<BatchTask["task"]> = new Set(["plugin-sync"]);

/** What a sandbox ends with at its deadline. */
const TIMED_OUT = 124;

/**
 * The Function that works on a volume: one on another volume must never be called. Undefined where no Function
 * can have the name: then batch tasks run in sandboxes.
 */
export function batchFunctionName(volumeName = DEFAULT_VOLUME): string | undefined {
  if (volumeName === DEFAULT_VOLUME) return BATCH_FUNCTION;
  return volumeName.includes(".") ? undefined : `${BATCH_FUNCTION}-${volumeName}`;
}

/**
 * Runs a short task on the volume (decision D10; the specification's `run_batch_task`): by the Function that
 * `parhelia deploy` deployed, or, where it is not there, in a sandbox of its own that lives for as long as a call
 * of the Function may take, 300 s. No session is in its way.
 *
 * @param signal ends the task, too
 * @throws SystemError when it takes longer, or ends without a result; the signal's reason
 */
export async function runBatchTask<Task extends BatchTask>(
  connection: Connection,
  place: BatchPlace,
  task: Task,
  signal?: AbortSignal,
): Promise<BatchRun<Task>> {
  const name = batchFunctionName(place.volumeName);
  const deployed = name === undefined ? undefined : await findFunction(connection, name);
  signal?.throwIfAborted();
  const outcome =
    deployed === undefined
      ? await runInSandbox(connection, place, task, signal)
      : await runByFunction(deployed, task, signal);
  const result = resultOf(task, outcome);
  const sessions = CHANGING.has(task.task) ? await reloadSessions(connection, place.app) : [];
  return { result, ranBy: deployed === undefined ? "sandbox" : "function", sessions };
}

function resultOf<Task extends BatchTask>({ task }: Task, outcome: CallOutcome): BatchResult<Task> {
  switch (outcome.kind) {
    case "returned":
      return outcome.value as BatchResult<Task>;
    case "timeout":
      throw new SystemError(
        `the batch task ${task} took too long and was ended: ${outcome.reason}`,
        {
          hint: "what it had done stays done: try again; `parhelia mcp status` finds servers that hang",
        },
      );
    case "failed":
      throw new SystemError(`the batch task ${task} ended without a result: ${outcome.reason}`, {
        hint: "if the image is an old one: `parhelia image build`, and `parhelia deploy` where a Function is deployed; then try again",
      });
  }
}

async function runByFunction(
  deployed: Function_,
  task: BatchTask,
  signal: AbortSignal | undefined,
): Promise<CallOutcome> {
  const call = await startCall(deployed, task);
  try {
    return await untilAborted(signal, call.outcome());
  } catch (error) {
    // Nobody waits for it any more; what cannot be cancelled ends at the Function's own limit.
    await call.cancel().catch(() => undefined);
    throw error;
  }
}

async function runInSandbox(
  connection: Connection,
  place: BatchPlace,
  task: BatchTask,
  signal: AbortSignal | undefined,
): Promise<CallOutcome> {
  const { sandboxes, volumes } = connection.client;
  const { volumeName = DEFAULT_VOLUME, timeoutMs = BATCH_TIMEOUT_MS } = place;
  const volume = await volumes.fromName(volumeName, { createIfMissing: true, version: 2 });
  const sandbox = await sandboxes.create(place.app, place.image, {
    ...SANDBOX_RESOURCES,
    command: BATCH_COMMAND,
    volumes: { [VOLUME_ROOT]: volume },
    secrets: [...place.secrets],
    timeoutMs,
    tags: { "parhelia-task": task.task },
  });
  try {
    // A sandbox that ends without reading it says why.
    giveTask(sandbox, task).catch(() => undefined);
    return await untilAborted(signal, readOutcome(sandbox, timeoutMs));
  } finally {
    await sandbox.terminate().catch(() => undefined); // it has mostly ended by itself
  }
}

/** On standard input: arguments are limited in length. */
async function giveTask({ stdin }: Sandbox, task: BatchTask): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(JSON.stringify(task));
  await writer.close();
}

async function readOutcome(sandbox: Sandbox, timeoutMs: number): Promise<CallOutcome> {
  const [stdout, stderr, status] = await Promise.all([
    sandbox.stdout.readText(),
    sandbox.stderr.readText(),
    sandbox.wait(),
  ]);
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (line.startsWith("{")) return { kind: "returned", value: JSON.parse(line) };
  if (status === TIMED_OUT) {
    return { kind: "timeout", reason: `it reached its timeout of ${timeoutMs / 1000} s` };
  }
  const words = stderr.trim();
  return { kind: "failed", reason: [`status ${status}`, words].filter(Boolean).join(": ") };
}
