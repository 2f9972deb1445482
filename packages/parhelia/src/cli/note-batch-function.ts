import { logLine } from "../log.ts";
import type { Connection } from "../modal/connection.ts";
import { isBatchDeployed } from "../sandbox/deploy-batch.ts";

/** Says, where another image was published, that a deployed Function goes on with the one that it has. */
export async function noteBatchFunction(connection: Connection, volumeName: string): Promise<void> {
  if (!(await isBatchDeployed(connection, volumeName))) return;
  logLine("the Function of batch tasks keeps its image until you run: parhelia deploy");
}
