import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, resolve } from "node:path";
import type { Project } from "../../../container/protocol/workspace.ts";
import { withoutCredentials } from "../../../container/repository/describe-repository.ts";
import { decode, GitFailure, runGit, tryGit } from "../../../container/repository/run-git.ts";
import { UserError } from "../../errors.ts";

/** Where a session's project comes from. */
export type ProjectSource =
  | { readonly kind: "tree"; readonly project: Project; readonly root: string }
  | {
      readonly kind: "clone";
      readonly project: Project;
      readonly url: string;
      /** A branch, tag or commit; null: the repository's own choice. */
      readonly ref: string | null;
      /** Who commits there: the user's own `user.name` and `user.email`, as far as Git here has them. */
      readonly identity: readonly (readonly [key: string, value: string])[];
    };

/** What the user says about it. */
export interface ProjectChoice {
  readonly workspace: string | undefined;
  readonly noWorkspace: boolean;
  readonly repo: string | undefined;
}

/**
 * The project that a new session works on: the one asked for, or that of the working directory.
 * @returns undefined where there is none
 * @throws UserError when the one asked for is not there, or Git cannot read it
 */
export async function findProject(
  cwd: string,
  { workspace, noWorkspace, repo }: ProjectChoice,
): Promise<ProjectSource | undefined> {
  const given = [workspace !== undefined, noWorkspace, repo !== undefined].filter(Boolean);
  if (given.length > 1) {
    throw new UserError("--workspace, --no-workspace and --repo exclude one another", {
      hint: "give one of them",
    });
  }
  if (noWorkspace) return undefined;
  if (repo !== undefined) return { ...projectOfAddress(repo), identity: await identityIn(cwd) };
  if (workspace === undefined && !isInRepository(cwd)) return undefined;
  return projectOfTree(resolve(cwd, workspace ?? "."));
}

/**
 * The project of a directory in a Git repository.
 * @throws UserError when it is in none, or Git cannot read it
 */
export async function projectOfTree(
  directory: string,
): Promise<Extract<ProjectSource, { kind: "tree" }>> {
  const root = await rootOf(directory);
  const place = { directory: root };
  const names = ((await tryGit(place, ["remote"])) ?? "").split("\n").filter(Boolean);
  const name = names.includes("origin") ? "origin" : names[0];
  const address =
    name === undefined
      ? undefined
      : await tryGit(place, ["config", "--get", `remote.${decode(name)}.url`]);
  if (address === undefined || address === "") {
    const project = { hash: hashOf(`${hostname()}:${root}`), name: basename(root), remote: null };
    return { kind: "tree", project, root };
  }
  return { kind: "tree", project: projectOf(withoutCredentials(decode(address)), root), root };
}

async function rootOf(directory: string): Promise<string> {
  const hint = "give a directory in a Git repository with --workspace, or --no-workspace";
  if (!existsSync(directory)) throw new UserError(`there is no directory ${directory}`, { hint });
  try {
    const root = await runGit({ directory }, ["rev-parse", "--show-toplevel"]);
    return decode(root).replace(/\n$/, "");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      throw new UserError(`${directory} is in a Git repository, and there is no git here`, {
        hint: "install git, or give --no-workspace",
        cause: error,
      });
    }
    if (!(error instanceof GitFailure)) throw error;
    throw new UserError(`${directory} is no working tree that Git can read: ${error.message}`, {
      hint,
      cause: error,
    });
  }
}

/** Whether the directory, or one above it, looks like a repository's root. Costs no process. */
function isInRepository(directory: string): boolean {
  for (let at = directory; ; at = dirname(at)) {
    if (existsSync(resolve(at, ".git"))) return true;
    if (at === dirname(at)) return false;
  }
}

/** Nothing where there is no Git. */
async function identityIn(directory: string): Promise<(readonly [string, string])[]> {
  const pairs: (readonly [string, string])[] = [];
  for (const key of ["user.name", "user.email"]) {
    const value = await tryGit({ directory }, ["config", "--get", key]).catch(() => undefined);
    if (value !== undefined) pairs.push([key, decode(value)]);
  }
  return pairs;
}

function projectOfAddress(
  text: string,
): Omit<Extract<ProjectSource, { kind: "clone" }>, "identity"> {
  const [url = "", ...rest] = text.split("#");
  const ref = rest.join("#");
  if (url === "" || url.startsWith("-")) {
    throw new UserError(`${JSON.stringify(text)} is no address of a repository`, {
      hint: "for example: --repo https://github.com/owner/project#main",
    });
  }
  if (withoutCredentials(url) !== url) {
    throw new UserError("the repository's address has a user or a password in it", {
      hint: "leave it out; parhelia secret set github-token GITHUB_TOKEN opens private repositories",
    });
  }
  return { kind: "clone", project: projectOf(url, undefined), url, ref: ref === "" ? null : ref };
}

function projectOf(remote: string, root: string | undefined): Project {
  const identity = identityOf(remote, root);
  return { hash: hashOf(identity), name: basename(identity) || "project", remote };
}

/** The same for all ways to write the address of a repository: `github.com/owner/project`. */
export function identityOf(address: string, root?: string): string {
  const plain = address.replace(/\/+$/, "").replace(/\.git$/, "");
  const url = /^(?:https?|ssh|git|git\+ssh):\/\/(?:[^/@]*@)?([^/:]+)(?::(\d+))?\/+(.*)$/i.exec(
    plain,
  );
  if (url !== null) return `${(url[1] ?? "").toLowerCase()}/${url[3] ?? ""}`;
  const short = /^(?:[^/@:]+@)?([^/:]{2,}):(?!\/\/)\/*(.*)$/.exec(plain);
  if (short !== null) return `${(short[1] ?? "").toLowerCase()}/${short[2] ?? ""}`;
  const path = plain.replace(/^file:\/\//, "");
  return `${hostname()}:${root === undefined ? path : resolve(root, path)}`;
}

function hashOf(identity: string): string {
  return `p-${createHash("sha256").update(identity).digest("hex").slice(0, 16)}`;
}
