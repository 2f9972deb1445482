import { join } from "node:path";
import type { RepositoryState } from "../protocol/workspace.ts";
import { userFile } from "./converted-files.ts";
import { readText, type Repository } from "./open-repository.ts";
import { decode, runGit, tryGit } from "./run-git.ts";
import type { Snapshot } from "./snapshot.ts";

/** What of a repository's configuration goes along. */
const CONFIGURATION =
  /^(user\.(name|email)|core\.(autocrlf|eol|safecrlf)|remote\..+\.(url|pushurl|fetch)|branch\..+\.(remote|merge|rebase)|submodule\..+\.(url|active|update|branch|ignore))$/;

/** Files of a merge or the like that is under way. */
const OPERATION = ["MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "CHERRY_PICK_HEAD", "REVERT_HEAD"];

type Refs = Pick<RepositoryState, "refs" | "symbolicRefs">;

const NO_REFS: Refs = { refs: {}, symbolicRefs: {} };

/**
 * Where a repository stands. Nothing is written.
 * @param branches `merged`: only the refs that lead to HEAD's history, and HEAD's upstream; `all`: every branch
 */
export async function describeRepository(
  repository: Repository,
  { oid, head }: Snapshot,
  branches: "merged" | "all",
): Promise<RepositoryState> {
  const place = { directory: repository.workTree };
  const [branch, refs, config, ignore, attributes] = await Promise.all([
    tryGit(place, ["symbolic-ref", "--quiet", "HEAD"]),
    head === null && branches === "merged" ? NO_REFS : findRefs(repository, branches),
    readConfiguration(repository),
    userFile(place, "ignore"),
    userFile(place, "attributes"),
  ]);
  const { files, path, gitDirectory, shallow, gitDir } = repository;
  const operation = OPERATION.map((name) => [name, readText(join(gitDir, name))] as const);
  return {
    path,
    gitDirectory,
    head,
    branch: branch === undefined ? null : decode(branch),
    snapshot: oid,
    ...refs,
    shallow,
    config,
    exclude: readText(ignore) + readText(files["info/exclude"]),
    attributes: readText(attributes) + readText(files["info/attributes"]),
    operation: Object.fromEntries(operation.filter(([, text]) => text !== "")),
  };
}

/** All that a repository's state leads to. */
export function tipsOf({ head, snapshot, refs, operation }: RepositoryState): string[] {
  const merged = (operation["MERGE_HEAD"] ?? "").split("\n").filter(Boolean);
  const picked = [operation["CHERRY_PICK_HEAD"], operation["REVERT_HEAD"]].flatMap((text) =>
    text === undefined ? [] : [text.trim()],
  );
  return [
    ...new Set([
      ...(head === null ? [] : [head]),
      snapshot,
      ...Object.values(refs),
      ...merged,
      ...picked,
    ]),
  ];
}

async function findRefs({ workTree }: Repository, branches: "merged" | "all"): Promise<Refs> {
  const place = { directory: workTree };
  const format = "--format=%(refname) %(objectname) %(symref)";
  const which =
    branches === "all"
      ? ["refs/heads"]
      : ["--merged=HEAD", "refs/heads", "refs/tags", "refs/remotes"];
  const listed = (await runGit(place, ["for-each-ref", format, ...which])).split("\n");
  const refs: Record<string, string> = {};
  const links: Record<string, string> = {};
  for (const line of listed) {
    const [name = "", oid = "", symref = ""] = line.split(" ");
    if (symref !== "") links[decode(name)] = decode(symref);
    else if (name !== "") refs[decode(name)] = oid;
  }
  const upstream = await tryGit(place, ["rev-parse", "--symbolic-full-name", "@{upstream}"]);
  const oid = await tryGit(place, ["rev-parse", "--verify", "--quiet", "@{upstream}^{commit}"]);
  if (branches === "merged" && upstream?.startsWith("refs/") === true && oid !== undefined) {
    refs[decode(upstream)] = oid;
  }
  const known = Object.entries(links).filter(([, target]) => target in refs);
  return { refs, symbolicRefs: Object.fromEntries(known) };
}

async function readConfiguration({ workTree }: Repository): Promise<(readonly [string, string])[]> {
  const listed = await runGit({ directory: workTree }, ["config", "--list", "-z"]);
  const configured = new Map<string, Set<string>>();
  for (const line of decode(listed).split("\0")) {
    const [key = "", ...rest] = line.split("\n");
    if (!CONFIGURATION.test(key)) continue;
    const value = rest.join("\n");
    const isAddress = /url$/.test(key);
    // Of what can only be once, the last one counts.
    const isList = key.endsWith(".fetch") || key.endsWith(".merge") || isAddress;
    if (!isList) configured.delete(key);
    const values = configured.get(key) ?? new Set();
    configured.set(key, values.add(isAddress ? withoutCredentials(value) : value));
  }
  return [...configured].flatMap(([key, values]) => [...values].map((v) => [key, v] as const));
}

/** An address without the user and password that may stand in it. */
export function withoutCredentials(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/)([^/@]*)@/i, (_, scheme: string, user: string) =>
    // The user of ssh is part of the address.
    /^ssh|^git\+ssh/i.test(scheme) ? `${scheme}${user.split(":")[0] ?? ""}@` : scheme,
  );
}

/** Ids that another side may know: HEAD's last commits, ever fewer of them, and what refs lead to. */
export async function commitsToOffer(
  { workTree }: Repository,
  { head, refs }: RepositoryState,
): Promise<string[]> {
  if (head === null) return Object.values(refs);
  const listed = await runGit({ directory: workTree }, ["rev-list", "--max-count=2000", head]);
  const sample = listed
    .trimEnd()
    .split("\n")
    .filter((_, index) => index < 100 || index % 20 === 0);
  return [...new Set([...sample, ...Object.values(refs)])];
}
