import { join } from "node:path";
import { BATCH_TIMEOUT_MS } from "../../container/protocol/batch.ts";
import { cpuVariant } from "../config/variants.ts";
import { UserError } from "../errors.ts";
import { packageRoot } from "../layers/package-root.ts";
import type { Connection } from "../modal/connection.ts";
import { deployApp, NoDeployClientError } from "../modal/deploy-app.ts";
import { findFunction, registerFunction } from "../modal/functions.ts";
import { findPublishedImage, publishImage } from "../modal/images.ts";
import type { App, Image } from "../modal/sandboxes.ts";
import { findSecret, type SecretName } from "../modal/secrets.ts";
import { VOLUME_ROOT } from "../volume/layout.ts";
import { BATCH_COMMAND, batchFunctionName } from "./run-batch-task.ts";

/** What a call may use, as the specification has it; `modal_app.py` says the same. */
const RESOURCES = { cpu: 4, memoryMiB: 16_384 };

/** What the batch Function is made from. */
export interface BatchDeployment {
  readonly app: App;
  readonly image: Image;
  readonly volumeName: string;
  readonly secrets: readonly SecretName[];
  /** Default: any. */
  readonly regions: readonly string[];
  /** Modal's environment. Default: the profile's. */
  readonly environment?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A Function that is deployed. */
export interface DeployedFunction {
  readonly app: string;
  readonly function: string;
  readonly imageId: string;
  readonly volume: string;
  /** Those of the configured secrets that exist. */
  readonly secrets: readonly string[];
}

/**
 * Deploys the Function that runs batch tasks, or replaces it (decision D10): on Modal with Modal's Python client,
 * in the emulator as data. It keeps image, volume and secrets as they are now; its image gets a name besides, so
 * that it is known and not pruned.
 *
 * @throws UserError where the volume's name allows no Function, or Modal's client is not installed
 */
export async function deployBatch(
  connection: Connection,
  deployment: BatchDeployment,
): Promise<DeployedFunction> {
  const { app, image, volumeName, regions, environment, signal } = deployment;
  const name = batchFunctionName(volumeName);
  if (name === undefined) {
    throw new UserError(`no Function can be named after the volume ${volumeName}: it has a dot`, {
      hint: "batch tasks on it run in sandboxes; to have a Function, give the volume another name",
    });
  }
  const looked = deployment.secrets.map((secret) => findSecret(connection, secret));
  const found = (await Promise.all(looked)).flatMap((secret) => secret ?? []);
  const secrets = found.map((secret) => secret.name ?? "");
  if (connection.target === "modal") {
    const file = join(packageRoot(), "modal_app.py");
    const names = { function: name, metrics: `${name}-metrics`, plugins: `${name}-plugins` };
    const described = {
      app: connection.appName,
      ...names,
      image_id: image.imageId,
      secrets,
      regions,
    };
    await deployApp(file, { ...described, volume: volumeName }, { environment, signal });
  } else {
    const { volumes } = connection.client;
    const volume = await volumes.fromName(volumeName, { createIfMissing: true, version: 2 });
    const place = { image, volume, mountPath: VOLUME_ROOT, secrets: found, regions };
    const limits = { ...RESOURCES, timeoutMs: BATCH_TIMEOUT_MS };
    await registerFunction(connection, app, { name, command: BATCH_COMMAND, ...place, ...limits });
  }
  await publishImage(image, imageNameOf(connection, name));
  const { imageId } = image;
  return { app: connection.appName, function: name, imageId, volume: volumeName, secrets };
}

/** What became of the Function when another image may have become `latest`. */
export interface RefreshedFunction {
  readonly function: string;
  readonly outcome: "redeployed" | "unchanged" | "kept";
  /** What it runs now; null where an earlier Parhelia deployed it, and did not name it. */
  readonly imageId: string | null;
}

/**
 * Deploys the Function anew where it is deployed and has another image than the published one. `kept`: that takes
 * Modal's Python client, which is not here.
 * @returns undefined where no Function is deployed, or no image published
 */
export async function refreshBatch(
  connection: Connection,
  deployment: Omit<BatchDeployment, "image">,
): Promise<RefreshedFunction | undefined> {
  const name = batchFunctionName(deployment.volumeName);
  const image = await findPublishedImage(connection, cpuVariant.name);
  const isDeployed = await isBatchDeployed(connection, deployment.volumeName);
  if (name === undefined || image === undefined || !isDeployed) return undefined;
  const before = await findPublishedImage(connection, imageNameOf(connection, name));
  const { imageId } = image;
  if (before?.imageId === imageId) return { function: name, outcome: "unchanged", imageId };
  try {
    await deployBatch(connection, { ...deployment, image });
    return { function: name, outcome: "redeployed", imageId };
  } catch (error) {
    if (!(error instanceof NoDeployClientError)) throw error;
    return { function: name, outcome: "kept", imageId: before?.imageId ?? null };
  }
}

/** `parhelia-cpu:parhelia.run_batch_task`: what a Function of an App runs, which Modal does not say. */
function imageNameOf({ appName }: Connection, functionName: string): string {
  return `${cpuVariant.name}:${appName}.${functionName}`;
}

/** Whether the Function that works on a volume is deployed: it keeps the image that it was deployed with. */
export async function isBatchDeployed(
  connection: Connection,
  volumeName: string,
): Promise<boolean> {
  const name = batchFunctionName(volumeName);
  return name !== undefined && (await findFunction(connection, name)) !== undefined;
}
