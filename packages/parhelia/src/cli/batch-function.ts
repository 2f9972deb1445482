import type { LoadedConfig } from "../config/load.ts";
import { cpuVariant } from "../config/variants.ts";
import { logLine } from "../log.ts";
import type { Connection } from "../modal/connection.ts";
import {
  isBatchDeployed,
  refreshBatch,
  type BatchDeployment,
  type RefreshedFunction,
} from "../sandbox/deploy-batch.ts";

/** What of the configuration the Function of batch tasks is made from. */
export function batchSettings(
  { config: { volume, secrets, modal } }: LoadedConfig,
  signal: AbortSignal,
): Omit<BatchDeployment, "app" | "image"> {
  const { regions, environment } = modal;
  return { volumeName: volume.name, secrets, regions, environment, signal };
}

/** Says, where another image was published, that a deployed Function goes on with the one that it has. */
export async function noteBatchFunction(connection: Connection, volumeName: string): Promise<void> {
  if (!(await isBatchDeployed(connection, volumeName))) return;
  logLine("the Function of batch tasks keeps its image until you run: parhelia deploy");
}

/** Has a deployed Function follow `latest`, and says what it runs now. @returns null where none is deployed */
export async function refreshBatchFunction(
  connection: Connection,
  loaded: LoadedConfig,
  signal: AbortSignal,
): Promise<RefreshedFunction | null> {
  const { client, appName } = connection;
  const app = await client.apps.fromName(appName, { createIfMissing: true });
  const refreshed = await refreshBatch(connection, { app, ...batchSettings(loaded, signal) });
  if (refreshed === undefined) return null;
  logLine(`the Function ${refreshed.function} ${whatItRuns(refreshed)}`);
  return refreshed;
}

function whatItRuns({ outcome, imageId }: RefreshedFunction): string {
  const latest = `${cpuVariant.name}:latest`;
  switch (outcome) {
    case "redeployed":
      return `was deployed again: it runs ${latest} now`;
    case "unchanged":
      return `runs ${latest} already`;
    case "kept":
      return (
        `goes on with ${imageId ?? "the image of its deployment"}, since Modal's Python client is not ` +
        "installed here: run `parhelia deploy` where it is"
      );
  }
}
