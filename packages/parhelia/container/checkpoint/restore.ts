import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type {
  CheckpointConversations,
  CheckpointState,
  CheckpointWindow,
  ConfigurationFile,
  RestoreReport,
} from "../protocol/checkpoint.ts";
import { CHECKPOINT_FILES, parseRestore } from "../protocol/checkpoint.ts";
import { findDamage, latestId, newestWholeBefore, readState } from "./history.ts";
import { damageOf } from "./history.ts";
import { moveSessionFile, moveText } from "./move-paths.ts";
import type { CheckpointPlaces } from "./places.ts";
import { checkpointPlaces } from "./places.ts";
import { restoreTree } from "./restore-tree.ts";
import { isConversation } from "./session-files.ts";

/** Why a checkpoint cannot be restored, and what can be done: for the person who resumes. */
export class RestoreError extends Error {
  override readonly name = "RestoreError";
}

export interface RestoreOptions {
  /** Where the volume is mounted. */
  readonly volume: string;
  /** `{session}/{id}`; `latest` is an id, too. */
  readonly from: string;
  /** The working tree of the session that is started; null where it has none of its own. */
  readonly workspace: string | null;
  /** The session's `CLAUDE_CONFIG_DIR`, which is there. */
  readonly claudeDirectory: string;
}

export interface Restored {
  readonly report: RestoreReport;
  /** In the directories that they have now. */
  readonly windows: readonly CheckpointWindow[];
}

/**
 * Brings a checkpoint back: the working tree, the conversations and the session's private configuration.
 * Where the tree lies elsewhere than it did, as in a fork, its path is replaced in all of it.
 * @throws RestoreError when there is no such checkpoint, or it is damaged; it names one that is whole
 */
export function restoreCheckpoint(options: RestoreOptions): Restored {
  const { places, id, state } = findCheckpoint(options);
  const directory = join(places.history, id);
  const from = state.workspace.directory;
  const to = options.workspace ?? from;
  try {
    const conversations = readConversations(directory, state);
    // A session without a tree of its own has nothing that could be put in place.
    const tree =
      from === "" || options.workspace === null
        ? { isKept: true, movedTo: null }
        : restoreTree({ directory, state }, to);
    for (const file of [...state.configuration, ...conversations]) {
      writeSessionFile(options.claudeDirectory, moveSessionFile(file, from, to));
    }
    return {
      report: {
        session: places.session,
        id,
        workspace: tree.isKept ? "kept" : "restored",
        movedTo: tree.movedTo,
        conversations: conversations.filter(isConversation).length,
      },
      windows: state.windows.map((window) => ({
        ...window,
        directory: from === "" ? window.directory : moveText(window.directory, from, to),
      })),
    };
  } catch (error) {
    throw explain(error, places, id);
  }
}

/** @throws RestoreError when there is none, or its `state.json` is damaged */
export function findCheckpoint({ volume, from }: Pick<RestoreOptions, "volume" | "from">) {
  const wanted = parseRestore(from);
  if (wanted === undefined) throw new RestoreError(`'${from}' names no checkpoint`);
  const places = checkpointPlaces(volume, wanted.session);
  const id = wanted.id === "latest" ? latestId(places) : wanted.id;
  if (id === undefined) {
    throw new RestoreError(`session ${wanted.session} has no checkpoint on the volume`);
  }
  const state = readState(places, id);
  if (state?.id === id) return { places, id, state };
  throw explain(new Error(`${CHECKPOINT_FILES.state} cannot be read`), places, id);
}

function readConversations(directory: string, state: CheckpointState) {
  const name = CHECKPOINT_FILES.conversation;
  const file = state.files[name];
  const damage = file === undefined ? "is not listed" : damageOf(join(directory, name), file);
  if (damage !== null) throw new Error(`${name} ${damage}`);
  const text = readFileSync(join(directory, name), "utf8");
  return (JSON.parse(text) as CheckpointConversations).conversations;
}

function writeSessionFile(claudeDirectory: string, file: ConfigurationFile): void {
  const path = join(claudeDirectory, file.path);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const content = file.base64 === undefined ? file.text : Buffer.from(file.base64, "base64");
  writeFileSync(path, content ?? "");
  chmodSync(path, file.mode);
  utimesSync(path, file.modifiedAtMs / 1000, file.modifiedAtMs / 1000);
}

function explain(error: unknown, places: CheckpointPlaces, id: string): RestoreError {
  const { session } = places;
  const reason = error instanceof Error ? error.message : String(error);
  // A full disk, say, is no damage.
  if (findDamage(places, id) === null) {
    return new RestoreError(`checkpoint ${id} of session ${session} was not restored: ${reason}`);
  }
  const other = newestWholeBefore(places, id);
  const hint =
    other === undefined
      ? "there is no earlier one that is whole"
      : `the newest one before it that is whole: parhelia resume ${session} --at ${other}`;
  return new RestoreError(`checkpoint ${id} of session ${session} is damaged: ${reason}; ${hint}`);
}
