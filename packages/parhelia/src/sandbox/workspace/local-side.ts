import { changedFiles } from "../../../container/repository/changed-files.ts";
import type { Exchange } from "../../../container/repository/exchange.ts";
import type { Repository } from "../../../container/repository/open-repository.ts";
import { runGit, tryGit, type GitPlace } from "../../../container/repository/run-git.ts";
import type { TakenProject } from "../../../container/repository/take-project.ts";
import { UserError } from "../../errors.ts";

/** One of the user's repositories, as a pull finds it. */
export interface LocalRepository {
  readonly repository: Repository;
  readonly place: GitPlace;
  readonly head: string | null;
  readonly snapshot: string;
  /** Paths in which the user has changes. */
  readonly changed: ReadonlySet<string>;
}

/** The user's repository at a path of the project; undefined where none is checked out. */
export async function localAt(
  { repositories, states }: TakenProject,
  path: string,
): Promise<LocalRepository | undefined> {
  const index = repositories.findIndex((repository) => repository.path === path);
  const [repository, state] = [repositories[index], states[index]];
  if (repository === undefined || state === undefined) return undefined;
  return {
    repository,
    place: { directory: repository.workTree },
    head: state.head,
    snapshot: state.snapshot,
    changed: new Set(await changedFiles(repository, state.head)),
  };
}

/** Copies objects, with all that they lead to, from an exchange. No ref of the user's changes. */
export async function fetchObjects(
  { place }: LocalRepository,
  exchange: Exchange,
  oids: readonly string[],
): Promise<void> {
  const names = [...new Set(oids)].map((oid) => ({ oid, ref: `refs/pull/${oid}` }));
  const updates = names.map(({ oid, ref }) => `update ${ref} ${oid}\n`).join("");
  await runGit(exchange.place, ["update-ref", "--stdin"], updates);
  const quietly = ["--quiet", "--no-write-fetch-head", "--no-tags", "--no-recurse-submodules"];
  const refs = names.map(({ ref }) => ref);
  await runGit(place, ["fetch", ...quietly, "--update-shallow", exchange.directory, ...refs]);
}

/** How many commits of a history no ref of the user's leads to. */
export async function countNew({ place }: LocalRepository, oid: string): Promise<number> {
  return Number(await runGit(place, ["rev-list", "--count", oid, "--not", "--all"]));
}

/**
 * Puts a branch at a commit: one that is there moves only forward, and not under the user's feet.
 * @returns its name: that asked for, or with a number where that is taken
 */
export async function bringBranch(
  { place }: LocalRepository,
  name: string,
  commit: string,
): Promise<string> {
  const listed = await runGit(place, ["worktree", "list", "--porcelain"]);
  const checkedOut = new Set([...listed.matchAll(/^branch (.*)$/gm)].map((match) => match[1]));
  for (let number = 1; ; number++) {
    const branch = number === 1 ? name : `${name}-${number}`;
    const ref = `refs/heads/${branch}`;
    const current = await tryGit(place, ["rev-parse", "--verify", "--quiet", ref]);
    if (current === commit) return branch;
    if (current !== undefined) {
      const ancestry = ["merge-base", "--is-ancestor", current, commit];
      const isForward = (await tryGit(place, ancestry)) !== undefined;
      if (!isForward || checkedOut.has(ref)) continue;
    }
    await refuseObstacle(place, branch);
    await runGit(place, ["update-ref", "-m", "parhelia pull", ref, commit, current ?? ""]);
    return branch;
  }
}

/** Git has no branch below another: none is `parhelia/NAME` where there is one named `parhelia`. */
async function refuseObstacle(place: GitPlace, branch: string): Promise<void> {
  const parts = branch.split("/");
  for (let length = 1; length < parts.length; length++) {
    const outer = parts.slice(0, length).join("/");
    const ref = ["show-ref", "--verify", "--quiet", `refs/heads/${outer}`];
    if ((await tryGit(place, ref)) === undefined) continue;
    throw new UserError(`a branch ${outer} is in the way of the branch ${branch}`, {
      hint: `give it another name, then pull again: git branch --move ${outer} NAME`,
    });
  }
}
