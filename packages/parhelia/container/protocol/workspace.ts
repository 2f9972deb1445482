/**
 * What the host and the sandbox agree on about workspaces: one `parhelia-container` sub-command takes a
 * project's repositories (`receive-workspace`), one gives a session's (`send-workspace`). Either way: a line of
 * JSON that says what there is and offers it, a line that says what of it is there already, and a Git pack with
 * the rest.
 */

/** A project: one Git repository, wherever it is cloned. */
export interface Project {
  /** `p-` and 16 hexadecimal digits of the SHA-256 of its identity. */
  readonly hash: string;
  /** For people: the last part of its address or root. */
  readonly name: string;
  /** Without credentials; null where it has none. */
  readonly remote: string | null;
}

/** Content of `project.json`: the project, and where it was last brought from. */
export interface ProjectRecord extends Project {
  /** Root of the user's working tree; null where it was cloned on the volume. */
  readonly root: string | null;
  readonly host: string | null;
}

/** Objects by their ids. */
export interface Objects {
  readonly commits: readonly string[];
  readonly blobs: readonly string[];
}

/** Where a Git repository stands: the project's own, or a submodule of it. */
export interface RepositoryState {
  /** From the project's root; empty for the project itself. */
  readonly path: string;
  /** Below the project's `.git`, such as `modules/lib`; null: in a `.git` of its own. */
  readonly gitDirectory: string | null;
  /** Null before the first commit. */
  readonly head: string | null;
  /** Such as `refs/heads/main`; null when detached. */
  readonly branch: string | null;
  /** A commit on top of `head` with all that is not committed; see `SNAPSHOT`. */
  readonly snapshot: string;
  readonly refs: Readonly<Record<string, string>>;
  /** Refs that name others of them, such as `refs/remotes/origin/HEAD`. */
  readonly symbolicRefs: Readonly<Record<string, string>>;
  /** Commits whose parents are missing, as in a shallow clone. */
  readonly shallow: readonly string[];
  readonly config: readonly (readonly [key: string, value: string])[];
  /** Of `info/exclude` and the user's own ignore rules; of `info/attributes` and the user's own. */
  readonly exclude: string;
  readonly attributes: string;
  /** Files such as `MERGE_HEAD`, of a merge or the like that is under way. */
  readonly operation: Readonly<Record<string, string>>;
}

/** The parts of a snapshot's tree. File contents are as they are on disk, whatever Git would convert. */
export const SNAPSHOT = {
  /** The index file itself. */
  index: "index",
  /** What is staged, so that the objects of the index come along; likewise `unmerged-1` to `unmerged-3`. */
  staged: "staged",
  /** All files but ignored ones. */
  worktree: "worktree",
  /** Of files with other bytes on disk than in Git: what Git would make of them. Only what a session sends has it. */
  normalized: "normalized",
} as const;

/** Keeps, in a session's repository, the snapshot that it began with. */
export const SENT_REF = "refs/parhelia/sent";

/** First line to `receive-workspace`. A pack follows once it has answered. */
export interface WorkspaceHeader {
  readonly project: ProjectRecord;
  readonly objectFormat: string;
  readonly repositories: readonly RepositoryState[];
  readonly offers: Objects;
}

/** Its first answer. */
export type HeaderAnswer =
  | { readonly has: Objects }
  /** The session has a tree on the volume, with what it did before. */
  | { readonly refused: "exists" };

/** Only line to `receive-workspace --clone`: a repository that is cloned in the sandbox. */
export interface CloneRequest {
  readonly project: ProjectRecord;
  readonly url: string;
  /** A branch, tag or commit. Null: the repository's own choice. */
  readonly ref: string | null;
  /** Who commits: what the user's Git has as `user.name` and `user.email`. */
  readonly identity: readonly (readonly [key: string, value: string])[];
}

/** A repository of a session, as `send-workspace` offers it. */
export interface SessionRepository extends RepositoryState {
  /** The snapshot that the session began with; null where there was none. */
  readonly sent: string | null;
  /** Paths that Git sees a change in, untracked ones too. Latin-1: one character a byte. */
  readonly changed: readonly string[];
}

/** First line of `send-workspace`. The host answers with `Objects` that it has; the pack follows. */
export interface SessionHeader {
  readonly project: ProjectRecord;
  readonly objectFormat: string;
  readonly repositories: readonly SessionRepository[];
  readonly offers: Objects;
}

/** Instead of it: the volume has no project of the session, or not all of it came. */
export interface NoWorkspace {
  readonly missing: "project" | "part";
}
