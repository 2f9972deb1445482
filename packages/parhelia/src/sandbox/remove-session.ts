import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import { SystemError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { findSandbox, type App, type Image, type Volume } from "../modal/sandboxes.ts";
import { requireVolume } from "../modal/volumes.ts";
import { MINUTE_MS } from "../units.ts";
import { VOLUME_ROOT } from "../volume/layout.ts";
import { noSuchSession } from "./session.ts";
import { readStoredSession } from "./stored-checkpoints.ts";

const RESOURCES = { cpu: 1, memoryMiB: 512 };

export interface RemoveOptions {
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
  /** The App and an image of it: of a sandbox that marks what is left; asked for only where something is. */
  readonly place: () => Promise<{ readonly app: App; readonly image: Image }>;
}

/**
 * Ends a session's sandbox at once and marks its checkpoints as those of a session that nobody wants back:
 * pruning may then remove all of them.
 * @throws UserError when the name has neither a sandbox, now or before, nor a checkpoint
 */
export async function removeSession(
  connection: Connection,
  name: string,
  { volumeName = "parhelia-vol", place }: RemoveOptions,
): Promise<void> {
  const running = await findSandbox(connection, name);
  if (running !== undefined) {
    // Before the end, so that it takes no last checkpoint.
    const mark = await running.exec([CONTAINER_PROGRAM, "remove-session", name]);
    await mark.wait();
    await running.terminate({ wait: true });
    return;
  }
  const volume = await requireVolume(connection, volumeName).catch(() => undefined);
  const stored = volume && (await readStoredSession(connection, volume, name));
  if (volume !== undefined && stored !== undefined && stored.checkpoints.length > 0) {
    if (!stored.isRemoved) await markRemoved(connection, await place(), volume, name);
    return;
  }
  const ended = await findSandbox(connection, name, { includeEnded: true });
  if (ended === undefined) throw noSuchSession(name);
}

async function markRemoved(
  connection: Connection,
  { app, image }: { readonly app: App; readonly image: Image },
  volume: Volume,
  name: string,
): Promise<void> {
  const sandbox = await connection.client.sandboxes.create(app, image, {
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
