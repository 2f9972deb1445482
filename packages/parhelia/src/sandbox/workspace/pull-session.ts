import { existsSync } from "node:fs";
import { hostname } from "node:os";
import type { Objects, SessionRepository } from "../../../container/protocol/workspace.ts";
import { SNAPSHOT } from "../../../container/protocol/workspace.ts";
import { existing, objectsIn, type Exchange } from "../../../container/repository/exchange.ts";
import { GitFailure } from "../../../container/repository/run-git.ts";
import { takeProject, type TakenProject } from "../../../container/repository/take-project.ts";
import { SystemError, UserError } from "../../errors.ts";
import { applyWork, planWork, shown, type WorkPlan } from "./apply-work.ts";
import { projectOfTree } from "./find-project.ts";
import {
  bringBranch,
  countNew,
  fetchObjects,
  localAt,
  type LocalRepository,
} from "./local-side.ts";
import { bringStash } from "./make-stash.ts";
import type { SessionSource } from "./session-source.ts";
import { partOf, sameTree } from "./trees.ts";

/** How a session's work is brought back. */
export interface PullOptions {
  readonly sessionName: string;
  /** The working directory. */
  readonly cwd: string;
  /** A directory of the user's repository. Default: that of `cwd`, or where the session's project came from. */
  readonly workspace?: string | undefined;
  /** Put uncommitted work into the working tree. Default: into a stash entry. */
  readonly apply: boolean;
}

/** A branch that has commits of the session. */
export interface PulledBranch {
  readonly branch: string;
  readonly commit: string;
  /** How many of its commits are new here. */
  readonly newCommits: number;
}

/** What was brought back of one repository. */
export interface PulledRepository {
  /** From the project's root; empty for the project itself. */
  readonly path: string;
  readonly branches: readonly PulledBranch[];
  /** What became of what the session has not committed. */
  readonly work: "none" | "same" | "stashed" | "applied" | "kept";
  /** Commit of the stash entry. */
  readonly stash: string | undefined;
  /** Files that were changed on both sides. */
  readonly conflicts: readonly string[];
  /** Why nothing of it could be brought. */
  readonly problem: string | undefined;
}

export interface PullResult {
  readonly name: string;
  /** Root of the user's working tree. */
  readonly root: string;
  readonly repositories: readonly PulledRepository[];
}

/**
 * Brings a session's commits back as branches and its uncommitted work as stash entries, or, when asked to, into
 * the working tree: all of it or, where a file was changed on both sides, nothing. The user's own changes stay.
 *
 * @throws UserError when the user's repository is not found, or something in it is in the way
 * @throws SystemError when Git, or the file system, fails: what has come stays, and the same once more does the rest
 */
export async function pullSession(
  source: SessionSource,
  options: PullOptions,
): Promise<PullResult> {
  try {
    return await pull(source, options);
  } catch (error) {
    const isFull = (error as NodeJS.ErrnoException).code === "ENOSPC";
    if (!(error instanceof GitFailure) && !isFull) throw error;
    throw new SystemError(`the session's work could not be brought: ${(error as Error).message}`, {
      hint: "mend that, then pull again: nothing is lost, and what has come already stays",
      cause: error,
    });
  }
}

async function pull(
  source: SessionSource,
  { sessionName, cwd, workspace, apply }: PullOptions,
): Promise<PullResult> {
  const { project, repositories: offered, offers } = source.header;
  const root = await findRoot(project, cwd, workspace);
  const taken = await takeProject(root, "merged");
  try {
    const { exchange } = taken;
    exchange.addShallow(offered.flatMap(({ shallow }) => shallow));
    await source.sendTo(exchange, await objectsHere(taken, offers));
    const pulls = await Promise.all(
      offered.map(
        async (session) =>
          new RepositoryPull(session, await localAt(taken, session.path), exchange, sessionName),
      ),
    );
    const plans = apply ? await Promise.all(pulls.map((pull) => pull.plan())) : [];
    const isBlocked = plans.some((plan) => (plan?.conflicts.length ?? 0) > 0);
    const repositories: PulledRepository[] = [];
    for (const [index, pull] of pulls.entries()) {
      repositories.push(await pull.bring(apply, plans[index], isBlocked));
    }
    return { name: sessionName, root, repositories };
  } finally {
    taken.exchange.remove();
  }
}

/** What the user has of what the session offers, committed or not. */
async function objectsHere(taken: TakenProject, offers: Objects): Promise<Objects> {
  const found = await Promise.all(
    taken.repositories.map(({ workTree }) =>
      objectsIn({ directory: workTree }, { commits: offers.commits, blobs: [] }, "--all"),
    ),
  );
  return {
    commits: [...new Set(found.flatMap(({ commits }) => commits))],
    blobs: [...(await existing(taken.exchange.place, offers.blobs))],
  };
}

async function findRoot(
  { hash, name, root, host }: SessionSource["header"]["project"],
  cwd: string,
  workspace: string | undefined,
): Promise<string> {
  // Asked for: it may have another address, or none.
  if (workspace !== undefined) return (await projectOfTree(workspace)).root;
  for (const directory of [cwd, ...(host === hostname() && root !== null ? [root] : [])]) {
    if (!existsSync(directory)) continue;
    const found = await projectOfTree(directory).catch(() => undefined);
    if (found?.project.hash === hash) return found.root;
  }
  throw new UserError(`this is not a working tree of ${name}, which the session works on`, {
    hint: "change to a clone of it, or name one: parhelia pull NAME --workspace DIRECTORY",
  });
}

/** One repository of a session, on its way back. */
class RepositoryPull {
  readonly #session: SessionRepository;
  readonly #local: LocalRepository | undefined;
  readonly #exchange: Exchange;
  readonly #name: string;

  constructor(
    session: SessionRepository,
    local: LocalRepository | undefined,
    exchange: Exchange,
    name: string,
  ) {
    this.#session = session;
    this.#local = local;
    this.#exchange = exchange;
    this.#name = name;
  }

  async plan(): Promise<WorkPlan | undefined> {
    return this.#local && planWork(this.#local, this.#session, this.#exchange);
  }

  async bring(
    apply: boolean,
    plan: WorkPlan | undefined,
    isBlocked: boolean,
  ): Promise<PulledRepository> {
    const { path, head, changed } = this.#session;
    const nothing = { path, branches: [], stash: undefined, conflicts: [], problem: undefined };
    const local = this.#local;
    if (local === undefined) {
      const problem = "it is not checked out here: git submodule update --init, then pull again";
      return { ...nothing, work: changed.length > 0 ? "kept" : "none", problem };
    }
    const branches = await this.#bringBranches(local);
    const pulled = { ...nothing, branches };
    if (changed.length === 0 && !(await this.#isReverted(plan))) return { ...pulled, work: "none" };
    if (await this.#isHere(local)) return { ...pulled, work: "same" };
    if (apply && plan !== undefined && !isBlocked) {
      await applyWork(plan, this.#exchange);
      return { ...pulled, work: "applied" };
    }
    const conflicts = (plan?.conflicts ?? []).map(shown);
    if (head === null) {
      const problem = "it has no commit that a stash could build on: --apply puts it here";
      return { ...pulled, work: "kept", conflicts, problem: apply ? undefined : problem };
    }
    if (changed.length === 0) return { ...pulled, work: "none", conflicts };
    const message = `parhelia ${this.#name}: what is not committed`;
    const stash = await bringStash(local, this.#exchange, { ...this.#session, head }, message);
    return { ...pulled, work: "stashed", stash, conflicts };
  }

  /** The session has nothing uncommitted, and the user has: what it began with and took back. */
  #isReverted(plan: WorkPlan | undefined): Promise<boolean> {
    const isReverted = plan !== undefined && plan.writes.length + plan.removals.length > 0;
    return Promise.resolve(isReverted);
  }

  /** The session's files and what it has staged are those of the user. */
  async #isHere(local: LocalRepository): Promise<boolean> {
    if (local.head !== this.#session.head) return false;
    for (const part of [SNAPSHOT.worktree, SNAPSHOT.staged]) {
      const [theirs, ours] = await Promise.all(
        [this.#session.snapshot, local.snapshot].map((oid) => partOf(this.#exchange, oid, part)),
      );
      if (theirs === undefined || ours === undefined || !sameTree(theirs, ours)) return false;
    }
    return true;
  }

  /** The session's HEAD, and its other branches, as far as their commits are not here. */
  async #bringBranches(local: LocalRepository): Promise<PulledBranch[]> {
    const { head, branch, refs } = this.#session;
    const main = `parhelia/${this.#name}`;
    const others = Object.entries(refs)
      .filter(([ref]) => ref !== branch)
      .map(([ref, oid]) => [`${main}--${ref.slice("refs/heads/".length)}`, oid] as const);
    const wanted = head === null ? others : [[main, head] as const, ...others];
    if (wanted.length === 0) return [];
    await fetchObjects(
      local,
      this.#exchange,
      wanted.map(([, oid]) => oid),
    );
    const brought: PulledBranch[] = [];
    for (const [name, commit] of wanted) {
      const newCommits = await countNew(local, commit);
      if (newCommits === 0) continue;
      brought.push({ branch: await bringBranch(local, name, commit), commit, newCommits });
    }
    return brought;
  }
}
