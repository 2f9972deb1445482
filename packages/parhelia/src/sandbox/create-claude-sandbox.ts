import { chooseVariant, type Variant } from "../config/variants.ts";
import { checkSessionName } from "../config/session-name.ts";
import { UserError } from "../errors.ts";
import { connect, type Connection, type Target } from "../modal/connection.ts";
import { explainingErrors } from "../modal/errors.ts";
import { createSandbox, type Sandbox } from "../modal/sandboxes.ts";
import { findSecret } from "../modal/secrets.ts";
import { HOUR_MS } from "../units.ts";
import { workspaceDir } from "../volume/layout.ts";
import { ensureImage } from "./image.ts";
import { limitSandboxes } from "./limit-sandboxes.ts";
import { thisOwner } from "./orphans.ts";
import { PhaseTimer, type Phase } from "./phases.ts";
import { checkGpu } from "./check-gpu.ts";
import { checkNetwork } from "./check-network.ts";
import { DEFAULT_SECRETS, imageRequest, type ClaudeSandboxOptions } from "./sandbox-options.ts";
import { explainStart, sessionVariables } from "./session-variables.ts";
import { untilAborted } from "./until-aborted.ts";
import { waitUntilReady } from "./wait-until-ready.ts";
import { ProjectTransfer } from "./workspace/bring-project.ts";

/** A session whose sandbox is ready. */
export interface ClaudeSandbox {
  readonly name: string;
  readonly sandboxId: string;
  readonly target: Target;
  readonly variant: Variant["name"];
  /** Where it works: a directory of the volume. */
  readonly workspace: string;
  /** From the call to ready; what it works on comes after that. */
  readonly readyMs: number;
  /** Where that time went. */
  readonly phases: readonly Phase[];
  readonly connection: Connection;
  readonly sandbox: Sandbox;
  /** Lets go of the connection; the sandbox runs on. */
  close(): void;
}

/** Stands in the sandbox for the API key that Modal puts into requests: Claude Code sends it unseen. */
const DUMMY_API_KEY = "put-into-requests-by-modal";

/** Modal's longest lifetime of a sandbox (SPEC-01, `timeout_hours=24`). */
const MAX_TIMEOUT_HOURS = 24;

/**
 * Creates a sandbox for a Claude Code session and returns when its five init steps are done
 * (SPEC-01.01, SPEC-01.13). With a published image that takes four sequential round trips.
 *
 * @throws UserError for a name that runs already, a missing secret, a value out of range, a GPU where there
 * is none, a limit on the network that would not be enforced, more sessions than may run at once
 * @throws SystemError when the image cannot be built or an init step fails; nothing is left running
 */
export async function createClaudeSandbox(options: ClaudeSandboxOptions): Promise<ClaudeSandbox> {
  const name = checkSessionName(options.taskId);
  const timeoutMs = checkTimeout(options.timeoutHours ?? MAX_TIMEOUT_HOURS);
  const target = options.target ?? "local";
  const timer = new PhaseTimer();
  checkNetwork(target, options);
  const gpu = options.gpu === undefined ? undefined : await checkGpu(target, options.gpu);
  const variant = chooseVariant(gpu);

  const workspace = options.restore?.workspace ?? workspaceDir(name, options.project?.project.hash);
  await using transfer = options.project && new ProjectTransfer(options.project);

  const { appName, environment, onBuildLog } = options;
  const connection = await connect({
    target,
    ...withoutUndefined({ appName, environment, onBuildLog }),
  });
  timer.end("connect");
  try {
    return await explainingErrors(target, async () => {
      const parts = await untilAborted(options.signal, lookUp(connection, variant, options));
      timer.end("look up app, image, volume, secrets");

      const sandbox = await createSandbox(connection, {
        ...parts,
        ...withoutUndefined({
          gpu,
          cpuLimit: options.cpuLimit,
          memoryLimitMiB: options.memoryLimitMiB,
          network: options.network,
        }),
        name,
        cpu: options.cpu ?? variant.cpu,
        memoryMiB: options.memoryMiB ?? variant.memoryMiB,
        timeoutMs,
        env: {
          ...options.env,
          ...sessionVariables(name, variant, timeoutMs, { ...options, workspace }),
          ...(options.proxiedApiKey === undefined ? {} : { ANTHROPIC_API_KEY: DUMMY_API_KEY }),
        },
        tags: sessionTags(name, variant, timeoutMs),
        ...(options.regions?.length ? { regions: options.regions } : {}),
      });
      timer.end("create sandbox");

      await waitUntilReady(connection, sandbox, options.signal).catch((error: unknown) => {
        throw explainStart(name, error);
      });
      timer.end("wait until ready");
      const readyMs = timer.totalMs;
      if (transfer !== undefined) {
        await bringProject(sandbox, name, transfer, options);
        timer.end("bring the project");
      }
      return {
        name,
        sandboxId: sandbox.sandboxId,
        target,
        variant: variant.name,
        readyMs,
        workspace,
        phases: timer.phases,
        connection,
        sandbox,
        close: () => {
          connection.close();
        },
      };
    });
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** When it cannot be brought, nothing is left running. */
async function bringProject(
  sandbox: Sandbox,
  name: string,
  transfer: ProjectTransfer,
  { onProjectProgress, signal }: ClaudeSandboxOptions,
): Promise<void> {
  try {
    const sent = await transfer.bringTo(sandbox, name, onProjectProgress, signal);
    onProjectProgress?.(sent);
  } catch (error) {
    await sandbox.terminate({ wait: true }).catch(() => undefined); // the reason counts
    throw error;
  }
}

/** All that a sandbox needs and that does not depend on one another, at once. */
async function lookUp(connection: Connection, variant: Variant, options: ClaudeSandboxOptions) {
  const { client, appName } = connection;
  const appFound = client.apps.fromName(appName, { createIfMissing: true });
  const { proxiedApiKey: keyName, secrets: wanted = DEFAULT_SECRETS } = options;
  const names = wanted.filter(({ name }) => name !== keyName);
  const { maxSandboxes = 0, aboveLimit = false, onWarning } = options;
  const limit = { maxSandboxes, aboveLimit, onWarning };
  const [app, image, volume, secrets, proxiedApiKey] = await Promise.all([
    appFound,
    ensureImage(connection, appFound, imageRequest(variant, options)),
    client.volumes.fromName(options.volumeName ?? "parhelia-vol", {
      createIfMissing: true,
      version: 2,
    }),
    Promise.all(names.map((name) => findSecret(connection, name))),
    keyName === undefined ? undefined : findSecret(connection, { name: keyName, required: true }),
    limitSandboxes(connection, appFound, options.taskId, limit),
  ]);
  return {
    ...{ app, image, volume },
    secrets: secrets.filter((secret) => secret !== undefined),
    ...withoutUndefined({ proxiedApiKey }),
  };
}

/** Who owns it, and until when: what finds forgotten sandboxes. */
function sessionTags(name: string, variant: Variant, timeoutMs: number): Record<string, string> {
  return {
    "parhelia-session": name,
    "parhelia-variant": variant.name,
    "parhelia-owner": thisOwner(),
    "parhelia-expires-at": new Date(Date.now() + timeoutMs).toISOString(),
  };
}

function checkTimeout(hours: number): number {
  const timeoutMs = Math.round(hours * 3_600) * 1_000;
  if (timeoutMs >= 1_000 && timeoutMs <= MAX_TIMEOUT_HOURS * HOUR_MS) return timeoutMs;
  throw new UserError(`a timeout of ${hours} h is out of range`, {
    hint: `choose between 1 second and ${MAX_TIMEOUT_HOURS} hours`,
  });
}

/** The same object without the keys whose value is undefined: the SDK tells unset from undefined. */
function withoutUndefined<T extends object>(
  object: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
