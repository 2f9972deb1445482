import { checkSessionName } from "../config/session-name.ts";
import type { Connection } from "../modal/connection.ts";
import { createClaudeSandbox, type ClaudeSandbox } from "./create-claude-sandbox.ts";
import { limitSandboxes } from "./limit-sandboxes.ts";
import { listOwnSandboxes } from "./own-sandboxes.ts";
import {
  explainRestore,
  planFork,
  planResume,
  resumedSandbox,
  versionWarning,
  type ResumeOptions,
  type ResumePlan,
} from "./resume-session.ts";
import type { ClaudeSandboxOptions } from "./sandbox-options.ts";
import { readSnapshot } from "./snapshots.ts";
import { withConnection } from "./session.ts";

/** What a session that goes on is to have now; what is left out is as its checkpoint has it. */
export interface GoOnOptions extends Pick<
  ClaudeSandboxOptions,
  "gpu" | "timeoutHours" | "regions"
> {
  /** An id, an ISO 8601 time or `10m ago`: the newest checkpoint that is not younger. Default: the newest. */
  readonly at?: string | undefined;
  /**
   * Start from the session's filesystem snapshot, where it has one that fits; a fork of a session that runs takes one
   * with its checkpoint. Default: from the published image.
   */
  readonly useSnapshot?: boolean | undefined;
}

/** A session that goes on from a checkpoint, its sandbox ready. */
export interface ResumedSession extends ClaudeSandbox {
  readonly checkpoint: {
    /** Of whom it is. */
    readonly session: string;
    readonly id: string;
    readonly createdAt: Date;
    /** How many conversations it has. */
    readonly conversations: number;
  };
}

/**
 * Starts a new sandbox in which the session `taskId` goes on from a checkpoint: working tree, Claude
 * configuration, conversations and tmux windows are as they were (SPEC-01.12, decision D9). Of the options,
 * GPU, CPU, memory, timeout and regions are replaced by the checkpoint's, and these by what is given now.
 * `onWarning` is told when the image has another Claude Code than the checkpoint.
 *
 * @throws UserError when the session runs, has no checkpoint, or the volume is not there; and as
 * `createClaudeSandbox` does
 * @throws SystemError when the checkpoint is damaged, naming the newest good one before it
 */
export function resumeSession(
  options: ClaudeSandboxOptions,
  given: GoOnOptions = {},
): Promise<ResumedSession> {
  return goOn(options, given, (connection, choice) =>
    planResume(connection, options.taskId, choice),
  );
}

/**
 * Starts a second session, `taskId`, with what a first one has; where that one runs, its checkpoint is taken
 * now, and it runs on. Otherwise as `resumeSession` (SPEC-01.12).
 *
 * @param from the first session's name
 * @throws as `resumeSession` does, but not for a first session that runs
 */
export function forkSession(
  from: string,
  options: ClaudeSandboxOptions,
  given: GoOnOptions = {},
): Promise<ResumedSession> {
  checkSessionName(options.taskId);
  return goOn(options, given, async (connection, choice) => {
    await refuseAboveLimit(connection, options);
    return planFork(connection, from, choice);
  });
}

/** A fork that will be refused takes no checkpoint before. What only warns is said when the sandbox is made. */
async function refuseAboveLimit(
  connection: Connection,
  { maxSandboxes = 0, aboveLimit = false, taskId }: ClaudeSandboxOptions,
): Promise<void> {
  if (maxSandboxes === 0 || aboveLimit) return;
  const { client, appName } = connection;
  const appFound = client.apps.fromName(appName, { createIfMissing: true });
  const own = await listOwnSandboxes(connection, appFound);
  limitSandboxes(own, taskId, { maxSandboxes, aboveLimit });
}

async function goOn(
  options: ClaudeSandboxOptions,
  { at, useSnapshot = false, ...given }: GoOnOptions,
  planned: (connection: Connection, choice: ResumeOptions) => Promise<ResumePlan>,
): Promise<ResumedSession> {
  const { target = "local", appName, environment, volumeName } = options;
  const place = {
    target,
    ...(appName === undefined ? {} : { appName }),
    ...(environment === undefined ? {} : { environment }),
  };
  const { plan, snapshot } = await withConnection(place, async (connected) => {
    const found = await planned(connected, { volumeName, at, snapshot: useSnapshot });
    if (!useSnapshot) return { plan: found, snapshot: undefined };
    return {
      plan: found,
      snapshot: await readSnapshot(connected, found.volume, found.session),
    };
  });
  const sandbox = resumedSandbox(plan, options.taskId, given);
  const session = await createClaudeSandbox({ ...options, ...sandbox, snapshot }).catch(
    (error: unknown) => {
      throw explainRestore(error);
    },
  );
  try {
    const warning = await versionWarning(session.sandbox, plan);
    if (warning !== undefined) options.onWarning?.(warning);
  } catch (error) {
    session.close();
    throw error;
  }
  const { conversations, createdAt } = plan.state;
  return {
    ...session,
    checkpoint: {
      session: plan.session,
      id: plan.id,
      createdAt: new Date(createdAt),
      conversations,
    },
  };
}
