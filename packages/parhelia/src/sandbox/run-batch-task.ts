import type { BatchResult, BatchTask } from "../../container/protocol/batch.ts";
import { BATCH_TIMEOUT_MS } from "../../container/protocol/batch.ts";
import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import { SystemError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
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
}

/** A batch task that ran to its end. */
export interface BatchRun {
  readonly result: BatchResult;
  /** The sessions that run, and were told to look at the volume again. */
  readonly sessions: readonly SyncedSession[];
}

const RESOURCES = { cpu: 1, memoryMiB: 1024 };

/**
 * Runs a short task on the volume in a sandbox of its own that lives for at most 300 s (decision D10; the
 * specification's `run_batch_task`): no session is in its way.
 *
 * @throws SystemError when the sandbox ends without a result; the signal's reason
 */
export async function runBatchTask(
  connection: Connection,
  { app, image, volumeName = "parhelia-vol", secrets }: BatchPlace,
  task: BatchTask,
  signal?: AbortSignal,
): Promise<BatchRun> {
  const { sandboxes, volumes } = connection.client;
  const volume = await volumes.fromName(volumeName, { createIfMissing: true, version: 2 });
  const sandbox = await sandboxes.create(app, image, {
    ...RESOURCES,
    command: [CONTAINER_PROGRAM, "batch"],
    volumes: { [VOLUME_ROOT]: volume },
    secrets: [...secrets],
    timeoutMs: BATCH_TIMEOUT_MS,
    tags: { "parhelia-task": task.task },
  });
  try {
    // A sandbox that ends without reading it says why.
    giveTask(sandbox, task).catch(() => undefined);
    const result = await untilAborted(signal, readResult(sandbox));
    return { result, sessions: await reloadSessions(connection, app, []) };
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

async function readResult(sandbox: Sandbox): Promise<BatchResult> {
  const [stdout, stderr, status] = await Promise.all([
    sandbox.stdout.readText(),
    sandbox.stderr.readText(),
    sandbox.wait(),
  ]);
  const line = stdout.trim().split("\n").at(-1) ?? "";
  if (line.startsWith("{")) return JSON.parse(line) as BatchResult;
  const why =
    stderr.trim() || `it ran for more than ${BATCH_TIMEOUT_MS / 1000} s, or could not start`;
  throw new SystemError(`the batch task ended with status ${status} and no result: ${why}`, {
    hint: "`parhelia image build` if the image is an old one, then try again",
  });
}
