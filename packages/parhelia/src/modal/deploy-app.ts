import { spawn } from "node:child_process";
import { SystemError, UserError } from "../errors.ts";

/** What `modal_app.py` reads while it is deployed, in its own words. */
export interface AppDeployment {
  readonly app: string;
  /** Name of the Function that runs batch tasks. */
  readonly function: string;
  /** Names of those that the schedules run. */
  readonly metrics: string;
  readonly plugins: string;
  readonly image_id: string;
  readonly volume: string;
  readonly secrets: readonly string[];
  readonly regions: readonly string[];
}

/** Modal's Python client is not on this machine. */
export class NoDeployClientError extends UserError {}

/**
 * Deploys a file of Functions with Modal's Python client, the only thing that can (decision D10). What it prints
 * goes to standard error.
 *
 * @param options `environment`: Modal's; default: the profile's own
 * @throws NoDeployClientError where the client is not installed; SystemError when it fails
 */
export async function deployApp(
  file: string,
  deployment: AppDeployment,
  options: { readonly environment?: string | undefined; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { environment, signal } = options;
  const args = ["deploy", ...(environment === undefined ? [] : ["--env", environment]), file];
  const client = spawn("modal", args, {
    env: { ...process.env, PARHELIA_DEPLOYMENT: JSON.stringify(deployment) },
    stdio: ["ignore", 2, 2],
    ...(signal === undefined ? {} : { signal }),
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    client.on("error", reject);
    client.on("exit", resolve);
  }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new NoDeployClientError(
      "Modal's Python client is not installed, and nothing else deploys Functions",
      {
        hint: "pip install 'modal>=1.2', then `parhelia deploy` again; without it batch tasks run in sandboxes",
        cause: error,
      },
    );
  });
  if (status === 0) return;
  throw new SystemError(`modal deploy ended with ${status ?? "a signal"}`, {
    hint: "mend what it says above; without the Function batch tasks run in sandboxes",
  });
}
