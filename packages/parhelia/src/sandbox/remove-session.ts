import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import { cpuVariant } from "../config/variants.ts";
import { SystemError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { findSandbox, type Volume } from "../modal/sandboxes.ts";
import { requireVolume } from "../modal/volumes.ts";
import { MINUTE_MS } from "../units.ts";
import { VOLUME_ROOT } from "../volume/layout.ts";
import { ensureImage } from "./image.ts";
import { imageRequest, type ClaudeSandboxOptions } from "./sandbox-options.ts";
import { noSuchSession } from "./session.ts";
import { removeSnapshot } from "./snapshots.ts";
import { readStoredSession } from "./stored-checkpoints.ts";

const RESOURCES = { cpu: 1, memoryMiB: 512 };

export interface RemoveOptions {
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
  /** Of the sandbox that marks what is left, where no image is published yet. Default: as for a session. */
  readonly image?: ClaudeSandboxOptions["image"];
}

/**
 * Ends a session's sandbox at once and marks its checkpoints as those of a session that nobody wants back:
 * pruning may then remove all of them. Nothing of a session that runs is saved.
 * @throws UserError when the name has neither a sandbox, now or before, nor a checkpoint
 */
export async function removeSession(
  connection: Connection,
  name: string,
  { volumeName = "parhelia-vol", image }: RemoveOptions = {},
): Promise<void> {
  const running = await findSandbox(connection, name);
  if (running !== undefined) {
    // Before the end, so that it takes no last checkpoint.
    const mark = await running.exec([CONTAINER_PROGRAM, "remove-session", name]);
    await mark.wait();
    await running.terminate({ wait: true });
  }
  const volume = await requireVolume(connection, volumeName).catch(() => undefined);
  if (volume !== undefined) await removeSnapshot(connection, volume, name);
  if (running !== undefined) return;
  const stored = volume && (await readStoredSession(connection, volume, name));
  if (volume !== undefined && stored !== undefined && stored.checkpoints.length > 0) {
    if (!stored.isRemoved) await markRemoved(connection, image, volume, name);
    return;
  }
  const ended = await findSandbox(connection, name, { includeEnded: true });
  if (ended === undefined) throw noSuchSession(name);
}

async function markRemoved(
  connection: Connection,
  image: RemoveOptions["image"],
  volume: Volume,
  name: string,
): Promise<void> {
  const { client, appName } = connection;
  const appFound = client.apps.fromName(appName, { createIfMissing: true });
  const [app, found] = await Promise.all([
    appFound,
    ensureImage(connection, appFound, imageRequest(cpuVariant, { image })),
  ]);
  const sandbox = await client.sandboxes.create(app, found, {
    ...RESOURCES,
    command: [CONTAINER_PROGRAM, "remove-session", name],
    volumes: { [VOLUME_ROOT]: volume },
    timeoutMs: MINUTE_MS,
    tags: { "parhelia-task": "remove-session" },
  });
  const [status, stderr] = await Promise.all([sandbox.wait(), sandbox.stderr.readText()]);
  if (status === 0) return;
  throw new SystemError(`${name} could not be removed: ${stderr.trim() || `status ${status}`}`, {
    hint: "`parhelia image build` if the image is an old one, then try again",
  });
}
