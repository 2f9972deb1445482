import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { GITLINK, type Repository } from "./open-repository.ts";
import { decode, runGit, splitZ, tryGit, type GitPlace } from "./run-git.ts";

/** Attributes with which a file on disk may have other bytes than Git's object of it. */
const CONVERTING = ["text", "crlf", "eol", "ident", "filter", "working-tree-encoding"];

const NOT_SET = new Set(["unspecified", "unset"]);

/** Tracked files that may have other bytes on disk than in Git, although Git sees no change in them. */
export async function convertedFiles(repository: Repository): Promise<string[]> {
  const place = { directory: repository.workTree };
  const tracked = repository.entries.filter(({ mode }) => mode !== GITLINK).map(({ path }) => path);
  const autocrlf = await tryGit(place, ["config", "core.autocrlf"]);
  if (autocrlf !== undefined && /^(true|input|yes|on|1)$/i.test(autocrlf)) return tracked;
  if (tracked.length === 0 || !(await hasAttributes(repository, place))) return [];
  const args = ["check-attr", "-z", "--stdin", ...CONVERTING];
  const printed = splitZ(await runGit(place, args, tracked.map((path) => `${path}\0`).join("")));
  const converted = new Set<string>();
  for (let i = 0; i + 2 < printed.length; i += 3) {
    if (!NOT_SET.has(printed[i + 2] ?? "")) converted.add(printed[i] ?? "");
  }
  return [...converted];
}

/** Whether any file gives attributes. */
async function hasAttributes(
  { entries, untracked, files }: Repository,
  place: GitPlace,
): Promise<boolean> {
  const isAttributes = (path: string) => /(^|\/)\.gitattributes$/.test(path);
  if (entries.some(({ path }) => isAttributes(path)) || untracked.some(isAttributes)) return true;
  return existsSync(files["info/attributes"]) || existsSync(await userFile(place, "attributes"));
}

/** The user's own file of ignore rules (`ignore`) or attributes, where there is none: where it would be. */
export async function userFile(
  { directory }: GitPlace,
  kind: "ignore" | "attributes",
): Promise<string> {
  const key = kind === "ignore" ? "core.excludesFile" : "core.attributesFile";
  const configured = await tryGit({ directory }, ["config", "--type=path", key]);
  if (configured !== undefined && configured !== "") return resolve(directory, decode(configured));
  const { XDG_CONFIG_HOME } = process.env;
  return resolve(XDG_CONFIG_HOME || resolve(homedir(), ".config"), "git", kind);
}
