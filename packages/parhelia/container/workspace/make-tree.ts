import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { SENT_REF, SNAPSHOT, type RepositoryState } from "../protocol/workspace.ts";
import { writeFiles } from "../repository/checkout.ts";
import { ended, runGit, startGit, tryGit, type GitPlace } from "../repository/run-git.ts";
import type { ProjectStore } from "./project-store.ts";

/**
 * Makes a repository with its working tree in the session's directory: the same commit, branch, index and files
 * as where it comes from. The directory stays the one that it is: a shell may be in it.
 */
export async function makeTree(
  root: string,
  state: RepositoryState,
  objectFormat: string,
  store: ProjectStore,
): Promise<void> {
  const workTree = resolve(root, state.path);
  const gitDir = await initialize(root, workTree, state, objectFormat);
  store.shareWith(gitDir);
  const place: GitPlace = { directory: workTree };
  if (state.shallow.length > 0) {
    writeFileSync(join(gitDir, "shallow"), `${state.shallow.join("\n")}\n`);
  }
  await restoreRefs(place, state);
  await configure(place, state);
  const hasFiles = await tryGit(place, ["rev-parse", `${state.snapshot}:${SNAPSHOT.worktree}`]);
  if (hasFiles !== undefined) {
    await writeFiles(join(gitDir, "objects"), objectFormat, hasFiles, workTree, gitDir);
  }
  mkdirSync(join(gitDir, "info"), { recursive: true });
  if (state.exclude !== "") writeFileSync(join(gitDir, "info/exclude"), state.exclude);
  if (state.attributes !== "") writeFileSync(join(gitDir, "info/attributes"), state.attributes);
  for (const [name, text] of Object.entries(state.operation)) {
    writeFileSync(join(gitDir, name), text);
  }
  await restoreIndex(place, gitDir, state);
}

async function initialize(
  root: string,
  workTree: string,
  { gitDirectory }: RepositoryState,
  objectFormat: string,
): Promise<string> {
  mkdirSync(workTree, { recursive: true });
  const init = ["init", "--quiet", "--template=", `--object-format=${objectFormat}`];
  const gitDir = join(gitDirectory === null ? workTree : root, ".git", gitDirectory ?? "");
  if (gitDirectory === null) {
    await runGit({ directory: workTree }, init);
    return gitDir;
  }
  mkdirSync(dirname(gitDir), { recursive: true });
  await runGit({ directory: workTree }, [`--git-dir=${gitDir}`, "--work-tree=.", ...init]);
  writeFileSync(join(workTree, ".git"), `gitdir: ${relative(workTree, gitDir)}\n`);
  const tree = relative(gitDir, workTree);
  await runGit({ directory: workTree }, ["config", "core.worktree", tree]);
  return gitDir;
}

async function restoreRefs(place: GitPlace, state: RepositoryState): Promise<void> {
  const { head, branch, refs, snapshot } = state;
  const lines = [`update ${SENT_REF} ${snapshot}`];
  for (const [name, oid] of Object.entries(refs)) lines.push(`update ${name} ${oid}`);
  if (head !== null && branch !== null) lines.push(`update ${branch} ${head}`);
  // Once each: the branch is among the refs, too.
  const updates = [...new Set(lines)].map((line) => `${line}\n`).join("");
  await runGit(place, ["update-ref", "--stdin"], Buffer.from(updates).toString("latin1"));
  for (const [name, target] of Object.entries(state.symbolicRefs)) {
    await runGit(place, ["symbolic-ref", name, target]);
  }
  if (branch !== null) await runGit(place, ["symbolic-ref", "HEAD", branch]);
  else if (head !== null) await runGit(place, ["update-ref", "--no-deref", "HEAD", head]);
}

async function configure(place: GitPlace, { config }: RepositoryState): Promise<void> {
  for (const [key, value] of config) await runGit(place, ["config", "--add", key, value]);
}

async function restoreIndex(
  place: GitPlace,
  gitDir: string,
  { snapshot }: RepositoryState,
): Promise<void> {
  const blob = `${snapshot}:${SNAPSHOT.index}`;
  if ((await tryGit(place, ["rev-parse", "--verify", "--quiet", blob])) === undefined) return;
  const file = join(gitDir, "index");
  rmSync(file, { force: true });
  const descriptor = openSync(file, "w");
  const args = ["cat-file", "blob", blob];
  try {
    await ended(startGit(place, args, ["ignore", descriptor, "pipe"]), args);
  } finally {
    closeSync(descriptor);
  }
  // What it knows of files' times is another machine's. That some differ is no failure.
  await tryGit({ ...place, env: { GIT_OPTIONAL_LOCKS: "1" } }, ["update-index", "-q", "--refresh"]);
}
