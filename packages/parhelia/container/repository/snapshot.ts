import {
  lstatSync,
  mkdtempSync,
  copyFileSync,
  existsSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";
import { SNAPSHOT } from "../protocol/workspace.ts";
import { convertedFiles } from "./converted-files.ts";
import type { Exchange } from "./exchange.ts";
import { GITLINK, type Repository } from "./open-repository.ts";
import { encode, pathBytes, runGit, splitZ, tryGit, type GitPlace } from "./run-git.ts";

/** All of a repository that is not committed, as a commit on top of its HEAD. */
export interface Snapshot {
  readonly oid: string;
  /** Null before the first commit. */
  readonly head: string | null;
  /** Contents that HEAD does not have. */
  readonly newBlobs: readonly string[];
}

/** A file as it is on disk. */
interface DiskFile {
  readonly path: string;
  readonly mode: string;
}

/** Nobody's: it stands in no history. */
const AUTHOR = Object.fromEntries(
  ["AUTHOR", "COMMITTER"].flatMap((who) => [
    [`GIT_${who}_NAME`, "Parhelia"],
    [`GIT_${who}_EMAIL`, "parhelia@localhost"],
  ]),
);

/**
 * Makes a snapshot of a repository in an exchange: its index as it is, and its files byte for byte, without the
 * conversions of line ends and the like that Git would do. Nothing is written to the repository.
 *
 * @param withNormalized also what Git would make of files that it converts: the filters of the repository run
 * @param heads of the repositories inside, by their path below this one; null for one without a commit
 * @throws GitFailure, for example for a file that cannot be read
 */
export async function takeSnapshot(
  repository: Repository,
  heads: ReadonlyMap<string, string | null>,
  exchange: Exchange,
  { withNormalized = false } = {},
): Promise<Snapshot> {
  const place: GitPlace = {
    directory: repository.workTree,
    env: exchange.writingFrom(repository),
  };
  const head = (await tryGit(place, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])) ?? null;
  const scratch = mkdtempSync(join(exchange.directory, "snapshot-"));
  const [changed, converted, staged] = await Promise.all([
    runGit(place, ["diff-files", "-z", "--name-only", "--ignore-submodules=all"]).then(splitZ),
    convertedFiles(repository),
    stagedBlobs(place, repository, head),
  ]);
  const flagged = repository.entries.filter(({ isFlagged }) => isFlagged).map(({ path }) => path);
  const unsure = new Set([...changed, ...converted, ...flagged]);
  const files = filesOnDisk(repository, [...unsure, ...repository.untracked]);
  const oids = await hashFiles(place, files, repository, scratch);
  const isConverted = new Set(withNormalized ? converted : []);
  const toNormalize = files.filter(({ path, mode }) => mode !== LINK && isConverted.has(path));
  const normalized = await hashFiles(place, toNormalize, repository, scratch, []);

  const unchanged = repository.entries.filter(
    ({ path, mode, stage }) => stage === "0" && mode !== GITLINK && !unsure.has(path),
  );
  const links = nestedLinks(repository, heads);
  const worktree = [
    ...unchanged.map(({ mode, oid, path }) => indexLine(mode, oid, SNAPSHOT.worktree, path)),
    ...files.map(({ mode, path }, i) => indexLine(mode, oids[i] ?? "", SNAPSHOT.worktree, path)),
    ...links.map(([path, oid]) => indexLine(GITLINK, oid, SNAPSHOT.worktree, path)),
  ];
  const index = await copyIndex(place, repository, scratch);
  const lines = [
    ...worktree,
    ...toNormalize.map(({ mode, path }, i) =>
      indexLine(mode, normalized[i] ?? "", SNAPSHOT.normalized, path),
    ),
    ...repository.entries.map(({ mode, oid, stage, path }) =>
      indexLine(mode, oid, stage === "0" ? SNAPSHOT.staged : `unmerged-${stage}`, path),
    ),
    ...(index === undefined ? [] : [`100644 ${index} 0\t${SNAPSHOT.index}\0`]),
  ];
  const inTree = new Set(repository.entries.map(({ oid }) => oid));
  return {
    oid: await commit(place, lines, head, scratch),
    head,
    newBlobs: [...new Set([...oids.filter((oid) => !inTree.has(oid)), ...staged])],
  };
}

function indexLine(mode: string, oid: string, part: string, path: string): string {
  return `${mode} ${oid} 0\t${part}/${path}\0`;
}

/** What the index has and HEAD has not. */
async function stagedBlobs(
  place: GitPlace,
  { entries }: Repository,
  head: string | null,
): Promise<string[]> {
  const files = entries.filter(({ mode }) => mode !== GITLINK);
  if (head === null) return files.map(({ oid }) => oid);
  const args = ["diff-index", "--cached", "-z", "--name-only", "--ignore-submodules=all", head];
  const differing = new Set(splitZ(await runGit(place, args)));
  return files.filter(({ path }) => differing.has(path)).map(({ oid }) => oid);
}

/** Those of the paths where there is a file or a link; sockets and the like are nothing that Git knows. */
function filesOnDisk(
  { workTree, entries, untracked }: Repository,
  paths: readonly string[],
): DiskFile[] {
  const modes = new Map(entries.map(({ path, mode }) => [path, mode]));
  const links = new Set(untracked);
  return paths.flatMap((path) => {
    // A link in place of a directory could lead to what is not in the tree.
    if (hasAncestorIn(path, links)) return [];
    const stats = lstatSync(pathBytes(workTree, path), { throwIfNoEntry: false });
    if (stats === undefined || modes.get(path) === GITLINK) return [];
    const mode = modeOf(stats);
    return mode === undefined ? [] : [{ path, mode }];
  });
}

function hasAncestorIn(path: string, set: ReadonlySet<string>): boolean {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (set.has(path.slice(0, end))) return true;
  }
  return false;
}

const LINK = "120000";

function modeOf(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return LINK;
  if (!stats.isFile()) return undefined;
  return (stats.mode & 0o100) === 0 ? "100644" : "100755";
}

/** The ids of files' contents, in their order; the contents are written to the exchange. */
async function hashFiles(
  place: GitPlace,
  files: readonly DiskFile[],
  { workTree }: Repository,
  scratch: string,
  how: readonly string[] = ["--no-filters"],
): Promise<string[]> {
  if (files.length === 0) return [];
  const names = files.map(({ path, mode }, index) => {
    if (mode !== LINK) return path;
    // Git hashes what is in a file: the target of a link is put into one.
    const file = join(scratch, `link-${index}`);
    writeFileSync(file, readlinkSync(pathBytes(workTree, path), { encoding: "buffer" }));
    return encode(file);
  });
  const args = ["hash-object", "-w", ...how, "--stdin-paths"];
  const printed = await runGit(place, args, names.map((name) => `${quoted(name)}\n`).join(""));
  return printed.trimEnd().split("\n");
}

/** As Git quotes names that are not plain. */
function quoted(path: string): string {
  const inner = path.replace(/[^ !#-[\]-~]/g, (char) => {
    return `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`;
  });
  return `"${inner}"`;
}

/** The commits of the repositories inside, at their places. */
function nestedLinks(
  { entries, nested }: Repository,
  heads: ReadonlyMap<string, string | null>,
): (readonly [path: string, oid: string])[] {
  const oids = new Map(
    entries.filter(({ mode }) => mode === GITLINK).map(({ path, oid }) => [path, oid]),
  );
  for (const path of nested) {
    const head = heads.get(path) ?? undefined;
    if (head !== undefined) oids.set(encode(path), head);
  }
  return [...oids];
}

/** The index file as it is, but in one piece and without what only helps on this machine. */
async function copyIndex(
  place: GitPlace,
  { files }: Repository,
  scratch: string,
): Promise<string | undefined> {
  if (!existsSync(files.index)) return undefined;
  const copy = join(scratch, "index-copy");
  copyFileSync(files.index, copy);
  const env = { ...place.env, GIT_INDEX_FILE: copy };
  const plain = ["--no-split-index", "--no-untracked-cache", "--force-write-index"];
  await runGit({ ...place, env }, ["update-index", ...plain]);
  return (await runGit(place, ["hash-object", "-w", "--no-filters", "--", copy])).trim();
}

async function commit(
  place: GitPlace,
  lines: readonly string[],
  head: string | null,
  scratch: string,
): Promise<string> {
  const env = { ...place.env, ...AUTHOR, GIT_INDEX_FILE: join(scratch, "index") };
  const inScratch = { ...place, env };
  await runGit(inScratch, ["update-index", "-z", "--index-info"], lines.join(""));
  const tree = (await runGit(inScratch, ["write-tree", "--missing-ok"])).trim();
  const parents = head === null ? [] : ["-p", head];
  return (
    await runGit(inScratch, ["commit-tree", tree, ...parents, "-m", "what is not committed"])
  ).trim();
}
