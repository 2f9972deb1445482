import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import type {
  CheckpointConversations,
  CheckpointReason,
  CheckpointState,
  CheckpointWindow,
} from "../protocol/checkpoint.ts";
import {
  CHECKPOINT_FILES,
  checkpointId,
  checkpointTime,
  PARTIAL_SUFFIX,
} from "../protocol/checkpoint.ts";
import { describeContent } from "./digest.ts";
import { checkpointIds, readLatest } from "./history.ts";
import { readKnownFiles, writeKnownFiles } from "./known-files.ts";
import type { CheckpointPlaces } from "./places.ts";
import type { Scan } from "./scan.ts";
import { errorCode, letSettle, scanTree } from "./scan.ts";
import { collectConfiguration, collectConversations, isConversation } from "./session-files.ts";
import type { Previous } from "./workspace.ts";
import { shareFiles, writeWorkspace } from "./workspace.ts";

const { state: STATE, conversation: CONVERSATION, workspace: WORKSPACE } = CHECKPOINT_FILES;

/** The paths by which the specification knows a checkpoint (SPEC-01.12): they lead to the latest. */
const SPECIFIED_NAMES = [CONVERSATION, STATE, WORKSPACE];

export interface CheckpointOptions {
  readonly places: CheckpointPlaces;
  readonly reason: CheckpointReason;
  /** The session's working tree; null where it has none of its own. */
  readonly workspace: string | null;
  /** `CLAUDE_CONFIG_DIR`. */
  readonly claudeDirectory: string;
  /** On the sandbox's own disk: what makes the next checkpoint quick. */
  readonly knownFiles: string;
  /** Undefined: those of the checkpoint before. */
  readonly windows: readonly CheckpointWindow[] | undefined;
  /** Names of variables. */
  readonly environment: readonly string[];
  readonly sandbox: Readonly<Record<string, unknown>> | null;
  /** Asked only where no checkpoint of this sandbox has it. */
  readonly claudeCodeVersion: () => string | null;
}

export interface Written {
  readonly id: string;
  readonly unchanged: boolean;
  readonly bytes: number;
}

/**
 * Writes a checkpoint beside the others, whole and on the disk, and then makes it the latest by replacing one
 * link. Where it ends before that, the latest is the one before. Nothing is written where nothing changed.
 * @throws Error of the file system; what was begun is removed
 */
export function writeCheckpoint(options: CheckpointOptions): Written {
  const { places, workspace } = options;
  mkdirSync(places.history, { recursive: true });
  removePartial(places);
  const previous = readLatest(places);
  const known = readKnownFiles(options.knownFiles, previous?.state.id);
  const id = nextId(places);
  const partial = join(places.history, `${id}${PARTIAL_SUFFIX}`);
  try {
    const scan = workspace === null ? NO_TREE : scanTree(workspace);
    letSettle(scan);
    const written = writeWorkspace({ root: workspace ?? "", scan, into: partial, previous, known });
    const conversations = collectConversations(options.claudeDirectory);
    const content: CheckpointConversations = {
      version: 1,
      session: places.session,
      conversations,
    };
    const conversationText = `${JSON.stringify(content)}\n`;
    const claudeCode = known?.claudeCode ?? options.claudeCodeVersion();
    const state: CheckpointState = {
      version: 1,
      session: places.session,
      id,
      createdAt: checkpointTime(id)?.toISOString() ?? "",
      reason: options.reason,
      files: { ...written.files, [CONVERSATION]: describeContent(conversationText) },
      conversations: conversations.filter(isConversation).length,
      workspace: { directory: workspace ?? "", ...written.workspace },
      configuration: collectConfiguration(options.claudeDirectory),
      windows: windowsOf(options, previous),
      environment: options.environment,
      sandbox: options.sandbox,
      versions: { claudeCode, bun: process.versions["bun"] ?? null, parhelia: manifest.version },
    };
    const remember = (checkpoint: string) => {
      const { fingerprints } = written;
      writeKnownFiles(options.knownFiles, { id: checkpoint, fingerprints, claudeCode });
    };
    // What is read again because it changed while it was read may well turn out the same.
    if (previous !== undefined && isSame(state, previous)) {
      rmSync(partial, { recursive: true, force: true });
      if (known === undefined || !written.isUnchanged) remember(previous.state.id);
      return { id: previous.state.id, unchanged: true, bytes: 0 };
    }
    const stateText = `${JSON.stringify(state)}\n`;
    mkdirSync(partial, { recursive: true });
    shareFiles(written.shared, previous, partial);
    writeDurably(join(partial, CONVERSATION), conversationText);
    writeDurably(join(partial, STATE), stateText);
    commit(places, id);
    remember(id);
    const bytes =
      written.writtenBytes + Buffer.byteLength(conversationText) + Buffer.byteLength(stateText);
    return { id, unchanged: false, bytes };
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
}

const NO_TREE: Scan = {
  found: new Map(),
  skipped: [{ path: ".", reason: "the directory is not this session's own" }],
};

function windowsOf({ windows }: CheckpointOptions, previous: Previous | undefined) {
  return windows ?? previous?.state.windows ?? [];
}

/** Whether two checkpoints differ in more than when, why and where they were written. */
function isSame(state: CheckpointState, previous: Previous): boolean {
  const essence = ({ files, configuration, windows, workspace }: CheckpointState) =>
    JSON.stringify([
      Object.entries(files).sort(([one], [other]) => (one < other ? -1 : 1)),
      configuration,
      windows,
      workspace,
    ]);
  return essence(state) === essence(previous.state);
}

/** Later than every other, also where the clock was set back. */
function nextId(places: CheckpointPlaces): string {
  const [newest] = checkpointIds(places);
  const newestMs = newest === undefined ? 0 : (checkpointTime(newest)?.getTime() ?? 0);
  return checkpointId(new Date(Math.max(Date.now(), newestMs + 1)));
}

/** What was being written when its process ended. */
function removePartial({ history }: CheckpointPlaces): void {
  for (const name of readdirSync(history)) {
    if (name.endsWith(PARTIAL_SUFFIX)) {
      rmSync(join(history, name), { recursive: true, force: true });
    }
  }
}

function writeDurably(path: string, content: string): void {
  const descriptor = openSync(path, "wx", 0o600);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Two renames: the checkpoint gets its name, and then `latest` leads to it. */
function commit(places: CheckpointPlaces, id: string): void {
  const directory = join(places.history, id);
  flushDirectory(`${directory}${PARTIAL_SUFFIX}`);
  renameSync(`${directory}${PARTIAL_SUFFIX}`, directory);
  flushDirectory(places.history);
  const next = `${places.latest}.new`;
  rmSync(next, { force: true });
  symlinkSync(`history/${id}`, next);
  renameSync(next, places.latest);
  for (const name of SPECIFIED_NAMES) linkOnce(`latest/${name}`, join(places.directory, name));
  flushDirectory(places.directory);
}

function linkOnce(target: string, link: string): void {
  try {
    symlinkSync(target, link);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

function flushDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
