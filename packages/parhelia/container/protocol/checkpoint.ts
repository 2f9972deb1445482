/**
 * What the host and the sandbox agree on about checkpoints (SPEC-01.12, "Shutdown sequence"): the files of a
 * checkpoint and what `parhelia-container checkpoint`, `checkpoints` and `restore` print. Plain data.
 */

/** Why a checkpoint was taken. */
export const CHECKPOINT_REASONS = [
  "request",
  "timer",
  "deadline",
  "shutdown",
  "idle",
  "signal",
] as const;

export type CheckpointReason = (typeof CHECKPOINT_REASONS)[number];

/** The files of a checkpoint, in its directory `history/{id}`. */
export const CHECKPOINT_FILES = {
  state: "state.json",
  conversation: "conversation.json",
  /** Complete: `tar xzf` unpacks it. Often of an earlier checkpoint, and then a second name of the same file. */
  workspace: "workspace.tar.gz",
  /** What changed since that one, as an archive; only where something did. */
  delta: "workspace.delta.tar.gz",
} as const;

/** Of the digests of a checkpoint's files: SHA-512/256. */
export const DIGEST_ALGORITHM = "sha512-256";

/** A file of a checkpoint, as `state.json` has it. */
export interface CheckpointFile {
  readonly bytes: number;
  /** By `DIGEST_ALGORITHM`, hexadecimal. */
  readonly digest: string;
}

/** A window of the sandbox's tmux session, in its order. */
export interface CheckpointWindow {
  readonly name: string;
  /** Of the active pane. */
  readonly directory: string;
  readonly active: boolean;
  /** Whether somebody named it; otherwise tmux names it after what runs in it. */
  readonly named: boolean;
  /** The conversation that Claude Code has open there; null where there is none. */
  readonly conversation: string | null;
}

/** A file that could not be taken along, and why: `socket`, `EACCES`, … */
export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}

/** A private file of the session's Claude configuration, by its path below `CLAUDE_CONFIG_DIR`. */
export interface ConfigurationFile {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** Milliseconds since 1970. */
  readonly modifiedAtMs: number;
  readonly text?: string;
  /** Instead of `text`, of what is not UTF-8. */
  readonly base64?: string;
}

/** The working tree that a checkpoint holds. */
export interface CheckpointWorkspace {
  /** Absolute path of the tree in the sandbox that wrote the checkpoint. */
  readonly directory: string;
  /** Files, directories and links in it. */
  readonly entries: number;
  /** Paths that `workspace.tar.gz` has and the tree does not have any more, in no order. */
  readonly deletions: readonly string[];
  readonly skipped: readonly SkippedFile[];
  /** Files that changed each time that they were read: their content may be of no single moment. */
  readonly unstable: readonly string[];
}

/** Content of `state.json`. It has names of variables, and no value. */
export interface CheckpointState {
  readonly version: 1;
  readonly session: string;
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly reason: CheckpointReason;
  /** Every other file of the checkpoint, by its name. */
  readonly files: Readonly<Record<string, CheckpointFile>>;
  readonly conversations: number;
  readonly workspace: CheckpointWorkspace;
  readonly configuration: readonly ConfigurationFile[];
  readonly windows: readonly CheckpointWindow[];
  /** Names of the session's environment variables, sorted. */
  readonly environment: readonly string[];
  /** `PARHELIA_SANDBOX` of the sandbox: its parameters, as the host gave them. Null where it gave none. */
  readonly sandbox: Readonly<Record<string, unknown>> | null;
  /** Of what wrote the checkpoint; null where it did not say. */
  readonly versions: {
    readonly claudeCode: string | null;
    readonly bun: string | null;
    readonly parhelia: string;
  };
}

/** A conversation of Claude Code, or a file that belongs to one, by its path below `CLAUDE_CONFIG_DIR`. */
export interface ConversationFile extends ConfigurationFile {
  /** Of a conversation; null for a file that belongs to one, such as the result of a tool. */
  readonly sessionId: string | null;
}

/** Content of `conversation.json`: all below `projects/`, sub-agents included. */
export interface CheckpointConversations {
  readonly version: 1;
  readonly session: string;
  readonly conversations: readonly ConversationFile[];
}

/** The line that `parhelia-container checkpoint` prints. Status 0 where `ok`, otherwise 1. */
export interface CheckpointResult {
  readonly ok: boolean;
  /** The latest checkpoint after this: the new one, or where nothing has changed, the one before. Null: none. */
  readonly id: string | null;
  /** Nothing has changed since the latest one, and nothing was written. */
  readonly unchanged: boolean;
  /** What was written anew; files shared with the checkpoint before do not count. */
  readonly bytes: number;
  readonly durationMs: number;
  /** Why it failed, in a sentence; null where it did not. */
  readonly error: string | null;
  /** It failed since not all of the session's project has come: there is nothing yet that could be lost. */
  readonly isTooEarly: boolean;
}

/** One checkpoint of a session, as `parhelia-container checkpoints SESSION` prints it, newest first. */
export interface CheckpointSummary {
  readonly id: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Null where `state.json` does not say. */
  readonly reason: CheckpointReason | null;
  /** Of all its files, shared ones included. */
  readonly bytes: number;
  readonly status: "verified" | "damaged";
  /** What is damaged, in a sentence; null where nothing is. */
  readonly damage: string | null;
  readonly conversations: number;
  /** Whether `latest` leads to it. */
  readonly isLatest: boolean;
}

/** What `parhelia-container checkpoints SESSION` prints. */
export interface CheckpointList {
  readonly session: string;
  readonly checkpoints: readonly CheckpointSummary[];
}

/** What a restore did. */
export interface RestoreReport {
  readonly session: string;
  readonly id: string;
  /** `kept`: the tree on the volume is what the checkpoint has. */
  readonly workspace: "kept" | "restored";
  /** Where a tree that differed was moved; null where none was. */
  readonly movedTo: string | null;
  readonly conversations: number;
}

/** What is written, but not committed, has this behind its id. */
export const PARTIAL_SUFFIX = ".partial";

/** The id of a checkpoint taken at a time: `20261125T211530.123Z`. Ids sort by time. */
export function checkpointId(time: Date): string {
  return time.toISOString().replaceAll(/[-:]/g, "");
}

const ID = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z$/;

/** When the checkpoint with an id was taken; undefined for what is no id. */
export function checkpointTime(id: string): Date | undefined {
  const [, year, month, day, hour, minute, second] = ID.exec(id) ?? [];
  if (year === undefined) return undefined;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** `state.json`; undefined for what is none, or of another version. */
export function parseCheckpointState(text: string): CheckpointState | undefined {
  try {
    const state = JSON.parse(text) as CheckpointState | null;
    const isOne = (state?.version as number | undefined) === 1;
    return isOne && typeof state?.files === "object" ? state : undefined;
  } catch {
    return undefined;
  }
}

/** What PARHELIA_RESTORE names: `{session}/{id}`, where the id may be `latest`. Undefined for anything else. */
export function parseRestore(value: string): { session: string; id: string } | undefined {
  const [session = "", id = "", ...rest] = value.split("/");
  const isPlain = session !== "" && !session.startsWith(".") && rest.length === 0;
  const isId = id === "latest" || checkpointTime(id) !== undefined;
  return isPlain && isId ? { session, id } : undefined;
}
