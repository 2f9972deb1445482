/**
 * What a sync brings to the volume (layers 3 and 4 of SPEC-01): the files, and the plan that says what
 * becomes of each part of the user's Claude configuration.
 */

/** One regular file. The volume has no links of ours: what a link led to is sent in its place. */
export interface SyncFile {
  /** Permission bits: 0o755 where the user's file is executable for its owner, else 0o644. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /**
   * The whole content, read now: synchronous, since that is several times as fast for small files.
   *
   * @throws UserError when the file is gone or has another size than it had when it was collected. That
   *   the content is the collected one is for the receiver to check, by `sha256`.
   */
  read(): Buffer;
}

/**
 * All files of a sync, by their path relative to the volume's root: `config/claude/…` or `plugins/…`,
 * with `/` between the parts, without `.`, `..` and empty parts, in no particular order.
 */
export type SyncTree = ReadonlyMap<string, SyncFile>;

/** What of the user's configuration a plan item is about. */
export type SyncItemKind =
  | "mcp-server"
  | "hook"
  | "status-line"
  | "helper"
  | "plugin"
  | "marketplace"
  | "skill"
  | "agent"
  | "command"
  | "setting"
  | "file"
  /** What Claude Code keeps for itself: conversations, history, caches, credentials. */
  | "state";

/**
 * What becomes of an item:
 * `portable` it works as it is; `rewritten` its paths or values are changed and it then works;
 * `needs-install` the image lacks a program; `needs-login` a value or an account has to be given in the
 * sandbox; `only-here` it cannot work away from this machine; `refused` it is not sent.
 */
export type SyncVerdict =
  "portable" | "rewritten" | "needs-install" | "needs-login" | "only-here" | "refused";

/** A path or value as it is here, and as it is in the sandbox. Never holds a secret's value. */
export interface Rewrite {
  readonly from: string;
  readonly to: string;
}

export interface SyncItem {
  readonly kind: SyncItemKind;
  /** As the user knows it: a server's name, `plugin@marketplace`, a path in the configuration. */
  readonly name: string;
  readonly verdict: SyncVerdict;
  /** Why, and what to do about it. */
  readonly detail: string;
  readonly rewrites?: readonly Rewrite[];
  /** Bytes of the files that are sent for it. */
  readonly sizeBytes?: number;
}

export interface SyncPlan {
  readonly items: readonly SyncItem[];
  /** Number and bytes of all files in the tree. */
  readonly fileCount: number;
  readonly sizeBytes: number;
}

/** A git repository that plugins come from, as `parhelia.lock` records it (decision D5). */
export interface PluginSource {
  /** Name of the marketplace, or `plugin@marketplace` for a plugin with a repository of its own. */
  readonly name: string;
  /** What `git clone` takes; never with a user or password in it. */
  readonly repository: string;
  /** The plugin's directory in the repository; undefined: the repository's root. */
  readonly subdirectory?: string;
  /** The commit that the user has: 40 hexadecimal digits. */
  readonly commit: string;
  /** Where it lies on the volume, absolute. */
  readonly path: string;
}

/** What collecting gives: all that is known before anything is sent. */
export interface CollectedConfiguration {
  readonly tree: SyncTree;
  readonly plan: SyncPlan;
  readonly pluginSources: readonly PluginSource[];
  /** A path or a text of this machine with the paths that it has in a sandbox. */
  inSandbox(text: string): string;
}
