/**
 * The parsed arguments and options of every command, as its `run` gets them. The table in
 * `commands.ts` is checked against these types, key by key.
 */

/** For commands that take none. */
export type None = Readonly<Record<string, never>>;

export interface JsonOption {
  /** Print the result as JSON. */
  readonly json: boolean;
}

export interface ForceOption {
  /** Start it also above `[limits] max_sandboxes`. */
  readonly force: boolean;
}

export interface SessionArgument {
  /** Name of an existing session, as typed. */
  readonly name: string;
}

export interface DoctorArguments {
  /** Undefined: this machine is checked, and no session. */
  readonly name: string | undefined;
}

export interface UpArguments {
  /** Undefined: a readable name is made up. */
  readonly name: string | undefined;
}

/** Which project a new session works on. */
export interface WorkspaceOptions {
  /** A directory in a Git repository. Undefined: that of the working directory, if any. */
  readonly workspace: string | undefined;
  /** None, even in a Git repository. */
  readonly noWorkspace: boolean;
  /** Address of a repository that is cloned in the sandbox, `URL` or `URL#REF`. */
  readonly repo: string | undefined;
}

export interface PullOptions extends JsonOption {
  /** Bring uncommitted work into the working tree, too. */
  readonly apply: boolean;
  /** A directory of the repository to bring it to; undefined: found. */
  readonly workspace: string | undefined;
}

export interface UpOptions extends JsonOption, WorkspaceOptions, ForceOption {
  /** GPU type with an optional count, such as `A10G` or `A100:2`; undefined is the cpu variant. */
  readonly gpu: string | undefined;
  readonly region: string | undefined;
  /** Duration such as `2h`. */
  readonly timeout: string | undefined;
  readonly timing: boolean;
  /** Begin afresh although the name has a checkpoint. */
  readonly new: boolean;
  readonly env: Readonly<Record<string, string>>;
}

export interface RunArguments {
  /** Undefined: a new session with a readable name. */
  readonly name: string | undefined;
  readonly prompt: string;
  /** Everything after `--`, for Claude Code itself. */
  readonly claudeArguments: readonly string[];
}

export interface RunOptions extends JsonOption, WorkspaceOptions, ForceOption {
  /** Go on with the newest conversation of the session. */
  readonly continue: boolean;
  readonly timeout: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export interface CheckpointListOptions extends JsonOption {
  /** Read all of them and compare their digests; otherwise as much as is quick. */
  readonly verify: boolean;
}

export interface StopCommandOptions {
  /** End the sandbox also when its session could not be saved. */
  readonly force: boolean;
}

export interface ResumeCommandOptions extends JsonOption, ForceOption {
  /** Which checkpoint: an id, a time, or how long ago; undefined is the newest. */
  readonly at: string | undefined;
  readonly gpu: string | undefined;
  readonly region: string | undefined;
  readonly timeout: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export interface ForkArguments extends SessionArgument {
  /** Name of the second session. */
  readonly newName: string;
}

export interface ExecArguments extends SessionArgument {
  /** Everything after `--`; at least one word. */
  readonly command: readonly string[];
}

export interface ExecOptions {
  readonly root: boolean;
  readonly tty: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path in the sandbox. */
  readonly cwd: string | undefined;
}

export interface LogsOptions {
  readonly follow: boolean;
}

export interface BatchArguments {
  /** Name of the task, as typed. */
  readonly task: string;
}

export interface LsOptions extends JsonOption {
  /** Only what nobody can want any more. */
  readonly orphans: boolean;
}

export interface RmArguments {
  /** Undefined: the orphans. */
  readonly name: string | undefined;
}

export interface RmOptions {
  /** What runs although its time is over. */
  readonly orphans: boolean;
}

export interface PoolFillArguments {
  /** How many sandboxes are to wait, as typed. */
  readonly count: string;
}

export interface PoolFillOptions extends JsonOption {
  /** GPU type with an optional count; undefined is the cpu variant. */
  readonly gpu: string | undefined;
  readonly region: string | undefined;
  readonly timeout: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export interface VolumePruneOptions extends JsonOption {
  /** Only show what would be removed. */
  readonly dryRun: boolean;
}

export interface SyncOptions extends JsonOption {
  /** Only show the plan. */
  readonly dryRun: boolean;
  /** Replace `mcp_config.json` also where it was edited on the volume. */
  readonly overwriteEdited: boolean;
}

export interface ImageBuildOptions extends JsonOption {
  /** Build `parhelia-gpu` instead of `parhelia-cpu`. */
  readonly gpu: boolean;
  /** Rebuild the Claude Code layer and what follows, although nothing changed. */
  readonly force: boolean;
}

export interface ImageReleaseOptions extends JsonOption {
  /** Rebuild the Claude Code layer and what follows, although nothing changed. */
  readonly force: boolean;
}

export interface ImageTagArgument {
  /** A release such as `weekly-20261122`, or one variant's, `parhelia-cpu:weekly-20261122`. */
  readonly tag: string;
}

export interface ImagePruneOptions extends JsonOption {
  /** How many releases of each variant stay, as typed; undefined is the default. */
  readonly keep: string | undefined;
  /** Only show what would be deleted. */
  readonly dryRun: boolean;
}

export interface SecretNameArgument {
  /** Name of the secret, such as `anthropic-api-key`. */
  readonly name: string;
}

export interface SecretSetArguments extends SecretNameArgument {
  /** Environment variables that the secret sets; the values come from a prompt or standard input. */
  readonly keys: readonly string[];
}

export interface LocalPruneOptions {
  /** Also the volumes that no running sandbox mounts, with all that they hold. */
  readonly volumes: boolean;
  /** Also the secrets. */
  readonly secrets: boolean;
  /** Do not ask before volumes are removed. */
  readonly yes: boolean;
}
