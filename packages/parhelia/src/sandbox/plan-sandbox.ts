import { createHash } from "node:crypto";
import type { Variant } from "../config/variants.ts";
import type { Connection } from "../modal/connection.ts";
import type { App, SandboxRequest } from "../modal/sandboxes.ts";
import { findSecret } from "../modal/secrets.ts";
import { ensureImage } from "./image.ts";
import { DEFAULT_SECRETS, imageRequest, type ClaudeSandboxOptions } from "./sandbox-options.ts";

/** All that a sandbox is made with, except what makes it one session's. */
export type SandboxPlan = Omit<SandboxRequest, "name" | "tags" | "timeoutMs">;

/** What a plan is made from; the name of a session is no part of it. */
export type PlanOptions = Omit<ClaudeSandboxOptions, "taskId">;

/** Stands in the sandbox for the API key that Modal puts into requests: Claude Code sends it unseen. */
const DUMMY_API_KEY = "put-into-requests-by-modal";

/**
 * Looks up all that a sandbox needs and that does not depend on one another, at once.
 * @throws UserError for a secret that does not exist
 */
export async function planSandbox(
  connection: Connection,
  appFound: Promise<App>,
  variant: Variant,
  options: PlanOptions,
): Promise<SandboxPlan> {
  const { client } = connection;
  const { proxiedApiKey: keyName, secrets: wanted = DEFAULT_SECRETS, regions } = options;
  const names = wanted.filter(({ name }) => name !== keyName);
  const [app, image, volume, secrets, proxiedApiKey] = await Promise.all([
    appFound,
    ensureImage(connection, appFound, imageRequest(variant, options)),
    client.volumes.fromName(options.volumeName ?? "parhelia-vol", {
      createIfMissing: true,
      version: 2,
    }),
    Promise.all(names.map((name) => findSecret(connection, name))),
    keyName === undefined ? undefined : findSecret(connection, { name: keyName, required: true }),
  ]);
  return {
    ...{ app, image, volume },
    secrets: secrets.filter((secret) => secret !== undefined),
    cpu: options.cpu ?? variant.cpu,
    memoryMiB: options.memoryMiB ?? variant.memoryMiB,
    env: {
      ...options.env,
      PARHELIA_VARIANT: variant.name,
      ...(proxiedApiKey === undefined ? {} : { ANTHROPIC_API_KEY: DUMMY_API_KEY }),
    },
    ...(regions === undefined || regions.length === 0 ? {} : { regions }),
    ...withoutUndefined({
      proxiedApiKey,
      gpu: options.gpu,
      cpuLimit: options.cpuLimit,
      memoryLimitMiB: options.memoryLimitMiB,
      network: options.network,
    }),
  };
}

/** The same for two sandboxes that differ in nothing but their session. */
export function fingerprint(plan: SandboxPlan): string {
  const { app, image, volume, secrets, proxiedApiKey, env, ...rest } = plan;
  const parts = {
    app: app.appId,
    image: image.imageId,
    volume: volume.volumeId,
    secrets: secrets.map(({ secretId }) => secretId),
    proxiedApiKey: proxiedApiKey?.secretId,
    env: sorted(env),
    rest: sorted(rest),
  };
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

function sorted(object: object): [string, unknown][] {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The same object without the keys whose value is undefined: the SDK tells unset from undefined. */
export function withoutUndefined<T extends object>(
  object: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
