import { logLine } from "../log.ts";
import type { Connection } from "../modal/connection.ts";
import { drainPool } from "../sandbox/pool.ts";

/** A sandbox has the secrets as they were when it was made: those that wait would bring old ones to a session. */
export async function endOutdatedPool(connection: Connection): Promise<void> {
  const { length } = await drainPool(connection);
  if (length > 0) logLine(`${length} prepared sandboxes had the secrets of before: they are ended`);
}
