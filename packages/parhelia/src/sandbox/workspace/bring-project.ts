import { hostname } from "node:os";
import { CONTAINER_PROGRAM } from "../../../container/protocol/paths.ts";
import type {
  CloneRequest,
  HeaderAnswer,
  ProjectRecord,
  WorkspaceHeader,
} from "../../../container/protocol/workspace.ts";
import { tipsOf } from "../../../container/repository/describe-repository.ts";
import { LineThenBytes } from "../../../container/repository/line-then-bytes.ts";
import { GitFailure } from "../../../container/repository/run-git.ts";
import { takeProject, type TakenProject } from "../../../container/repository/take-project.ts";
import { SystemError, UserError } from "../../errors.ts";
import type { Sandbox } from "../../modal/sandboxes.ts";
import { coalesce } from "../coalesce.ts";
import { startCommand, type RunningCommand } from "../exec.ts";
import { untilAborted } from "../until-aborted.ts";
import type { ProjectSource } from "./find-project.ts";

/** What of a project came to the volume. */
export interface BroughtProject {
  /** Of the pack that is sent; 0 for what is cloned. */
  readonly sentBytes: number;
  /** Whether that is all, and the session's working tree is there. */
  readonly isComplete: boolean;
}

type ProgressListener = ((sent: BroughtProject) => void) | undefined;

/** A project on its way to a session. */
export class ProjectTransfer {
  readonly #source: ProjectSource;
  readonly #taken: Promise<TakenProject> | undefined;

  /** Begins at once: what is sent is prepared while the sandbox starts. */
  constructor(source: ProjectSource) {
    this.#source = source;
    this.#taken = source.kind === "tree" ? takeProject(source.root, "merged") : undefined;
    this.#taken?.catch(() => undefined); // thrown where it is awaited
  }

  /**
   * Makes the session's working tree of it, in a sandbox that is ready.
   * @param sessionName for what an error says
   * @throws UserError when the session has a tree already, or Git cannot read the user's
   */
  async bringTo(
    sandbox: Sandbox,
    sessionName: string,
    onProgress: ProgressListener,
    signal?: AbortSignal,
  ): Promise<BroughtProject> {
    const source = this.#source;
    if (source.kind === "clone") {
      await untilAborted(signal, clone(sandbox, sessionName, source));
      return { sentBytes: 0, isComplete: true };
    }
    const taken = await this.#take();
    const sending = send(sandbox, sessionName, recordOf(source), taken, onProgress);
    return untilAborted(signal, sending);
  }

  /** Lets go of what was prepared. */
  async [Symbol.asyncDispose](): Promise<void> {
    const taken = await this.#taken?.catch(() => undefined);
    taken?.exchange.remove();
  }

  async #take(): Promise<TakenProject> {
    try {
      const taken = await this.#taken;
      if (taken !== undefined) return taken;
      throw new Error("a clone is not taken");
    } catch (error) {
      if (!(error instanceof GitFailure)) throw error;
      throw new UserError(`the working tree could not be read: ${error.message}`, {
        hint: "mend that, or start without it: --no-workspace",
        cause: error,
      });
    }
  }
}

async function send(
  sandbox: Sandbox,
  sessionName: string,
  project: ProjectRecord,
  { objectFormat, states, offers, exchange }: TakenProject,
  onProgress: ProgressListener,
): Promise<BroughtProject> {
  const command = await startCommand(sandbox, [CONTAINER_PROGRAM, "receive-workspace"]);
  const ended = endOf(command);
  ended.catch(() => undefined); // thrown where it is awaited
  const header: WorkspaceHeader = { project, objectFormat, repositories: states, offers };
  const writer = command.stdin.getWriter();
  await writer.write(Buffer.from(`${JSON.stringify(header)}\n`));
  const has = await answerOf(command, ended, sessionName);
  const pack = exchange.pack([...new Set(states.flatMap(tipsOf))], has);
  let sentBytes = 0;
  try {
    for await (const chunk of coalesce(pack.stream)) {
      await writer.write(chunk);
      sentBytes += chunk.length;
      onProgress?.({ sentBytes, isComplete: false });
    }
    await pack.done;
    await writer.close();
  } catch (error) {
    pack.stream.destroy();
    await command.closeStdin().catch(() => undefined);
    await ended; // what it says comes before that it does not listen
    throw error;
  }
  await ended;
  return { sentBytes, isComplete: true };
}

async function clone(
  sandbox: Sandbox,
  sessionName: string,
  { project, url, ref, identity }: Extract<ProjectSource, { kind: "clone" }>,
): Promise<void> {
  const command = await startCommand(sandbox, [CONTAINER_PROGRAM, "receive-workspace", "--clone"]);
  const ended = endOf(command);
  ended.catch(() => undefined); // thrown where it is awaited
  const record = { ...project, root: null, host: null };
  const request: CloneRequest = { project: record, url, ref, identity };
  const writer = command.stdin.getWriter();
  await writer.write(Buffer.from(`${JSON.stringify(request)}\n`));
  await writer.close();
  const line = await new LineThenBytes(command.stdout).line();
  if (line !== undefined) refuseExisting(JSON.parse(line) as HeaderAnswer, sessionName);
  try {
    await ended;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new UserError(`${url} could not be cloned: ${error.message}`, {
      hint: "check the address; parhelia secret set github-token GITHUB_TOKEN opens private repositories",
      cause: error,
    });
  }
}

async function answerOf(command: RunningCommand, ended: Promise<void>, sessionName: string) {
  const line = await new LineThenBytes(command.stdout).line();
  if (line === undefined) {
    await ended;
    throw new SystemError("the sandbox did not answer", { hint: "try again" });
  }
  const answer = JSON.parse(line) as HeaderAnswer;
  refuseExisting(answer, sessionName);
  return "has" in answer ? answer.has : { commits: [], blobs: [] };
}

function refuseExisting(answer: HeaderAnswer, sessionName: string): void {
  if (!("refused" in answer)) return;
  throw new UserError(`session ${sessionName} has a working tree of before on the volume`, {
    hint: `parhelia pull ${sessionName} brings its work here; parhelia up ${sessionName} --new puts it aside and starts afresh`,
  });
}

/** Resolves when the command has ended well. @throws SystemError with what it said */
async function endOf(command: RunningCommand): Promise<void> {
  const [status, stderr] = await Promise.all([command.wait(), new Response(command.stderr).text()]);
  if (status === 0) return;
  const lines = stderr.split(/[\r\n]+/).filter(Boolean);
  throw new SystemError(lines.slice(-5).join("\n") || `it ended with status ${status}`, {
    hint: "the same command once more brings the project again",
  });
}

/** Where a user's working tree is. */
function recordOf({ project, root }: Extract<ProjectSource, { kind: "tree" }>): ProjectRecord {
  return { ...project, root, host: hostname() };
}
