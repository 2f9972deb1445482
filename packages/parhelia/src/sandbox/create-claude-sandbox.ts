import { chooseVariant, type Variant } from "../config/variants.ts";
import { checkSessionName } from "../config/session-name.ts";
import { UserError } from "../errors.ts";
import { connect, type Connection, type Target } from "../modal/connection.ts";
import { explainingErrors } from "../modal/errors.ts";
import { createSandbox, type Sandbox } from "../modal/sandboxes.ts";
import { EXPIRES_TAG, IMAGE_TAG, OWNER_TAG, SESSION_TAG, VARIANT_TAG } from "../modal/tags.ts";
import { HOUR_MS } from "../units.ts";
import { workspaceDir } from "../volume/layout.ts";
import { limitSandboxes } from "./limit-sandboxes.ts";
import { claimPrepared, MAX_TIMEOUT_MS, type NewSession } from "./claim-prepared.ts";
import { thisOwner } from "./orphans.ts";
import { listOwnSandboxes } from "./own-sandboxes.ts";
import { PhaseTimer, type Phase } from "./phases.ts";
import { planSandbox, withoutUndefined, type SandboxPlan } from "./plan-sandbox.ts";
import { checkGpu } from "./check-gpu.ts";
import { checkNetwork } from "./check-network.ts";
import type { ClaudeSandboxOptions } from "./sandbox-options.ts";
import { explainStart, sessionVariables } from "./session-variables.ts";
import { startFromSnapshot } from "./snapshots.ts";
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

/**
 * Creates a sandbox for a Claude Code session and returns when its five init steps are done
 * (SPEC-01.01, SPEC-01.13). With a published image that takes four sequential round trips.
 * Where a prepared sandbox fits, the session gets that one (decision 0011).
 *
 * @throws UserError for a name that runs already, a missing secret, a value out of range, a GPU where there
 * is none, a limit on the network that would not be enforced, more sessions than may run at once
 * @throws SystemError when the image cannot be built or an init step fails; nothing is left running
 */
export async function createClaudeSandbox(options: ClaudeSandboxOptions): Promise<ClaudeSandbox> {
  const name = checkSessionName(options.taskId);
  const timeoutMs = checkTimeout(options.timeoutHours);
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
      const { plan, own, publishedImage } = await untilAborted(
        options.signal,
        lookUp(connection, variant, { ...options, gpu }),
      );
      timer.end("look up app, image, volume, secrets");

      const session: NewSession = {
        name,
        timeoutMs,
        variables: (expiresAt) =>
          sessionVariables(name, variant, { timeoutMs, expiresAt }, { ...options, workspace }),
        tags: (expiresAt) => sessionTags(name, variant, publishedImage, expiresAt),
      };
      const claimed = await claimPrepared(connection, own, plan, session);
      const sandbox = claimed?.sandbox ?? (await createFor(connection, plan, session));
      timer.end(claimed === undefined ? "create sandbox" : "claim a prepared sandbox");

      await waitUntilReady(connection, sandbox, options.signal, claimed?.ready).catch(
        (error: unknown) => {
          throw explainStart(name, error);
        },
      );
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

/** What the sandbox is to be made with, and this owner's others, at once. */
async function lookUp(connection: Connection, variant: Variant, options: ClaudeSandboxOptions) {
  const { client, appName } = connection;
  const appFound = client.apps.fromName(appName, { createIfMissing: true });
  const { maxSandboxes = 0, aboveLimit = false, onWarning, taskId } = options;
  const [plan, own] = await Promise.all([
    planSandbox(connection, appFound, variant, options),
    listOwnSandboxes(connection, appFound).then((found) => {
      limitSandboxes(found, taskId, { maxSandboxes, aboveLimit, onWarning });
      return found;
    }),
  ]);
  const fitting =
    options.snapshot === undefined
      ? plan
      : await startFromSnapshot(connection, plan, variant, options.snapshot, onWarning);
  return { plan: fitting, own, publishedImage: plan.image.imageId };
}

/** A sandbox that nobody prepared. */
function createFor(
  connection: Connection,
  plan: SandboxPlan,
  { name, timeoutMs, variables, tags }: NewSession,
): Promise<Sandbox> {
  const expiresAt = new Date(Date.now() + timeoutMs);
  return createSandbox(connection, {
    ...plan,
    name,
    timeoutMs,
    env: { ...plan.env, ...variables(expiresAt) },
    tags: tags(expiresAt),
  });
}

/** Who owns it, and until when: what finds forgotten sandboxes. */
function sessionTags(
  name: string,
  variant: Variant,
  publishedImage: string,
  expiresAt: Date,
): Record<string, string> {
  return {
    [SESSION_TAG]: name,
    [VARIANT_TAG]: variant.name,
    [IMAGE_TAG]: publishedImage,
    [OWNER_TAG]: thisOwner(),
    [EXPIRES_TAG]: expiresAt.toISOString(),
  };
}

/** @returns ms, in whole seconds */
export function checkTimeout(hours = MAX_TIMEOUT_MS / HOUR_MS): number {
  const timeoutMs = Math.round(hours * 3_600) * 1_000;
  if (timeoutMs >= 1_000 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  throw new UserError(`a timeout of ${hours} h is out of range`, {
    hint: `choose between 1 second and ${MAX_TIMEOUT_MS / HOUR_MS} hours`,
  });
}
