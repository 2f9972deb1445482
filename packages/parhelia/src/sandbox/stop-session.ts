import { VOLUME_ROOT } from "../volume/layout.ts";
import type { Connection } from "../modal/connection.ts";
import { requireSession } from "./session.ts";

/**
 * Flushes the volume, then ends the session's sandbox and waits until it has gone; what is on the volume
 * stays (SPEC-01, shutdown sequence).
 * @throws UserError when no such session runs
 */
export async function stopSession(connection: Connection, name: string): Promise<void> {
  const sandbox = await requireSession(connection, name);
  const flush = await sandbox.exec(["sync", VOLUME_ROOT]);
  await flush.wait();
  await sandbox.terminate({ wait: true });
}
