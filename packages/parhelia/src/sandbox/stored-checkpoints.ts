import {
  CHECKPOINT_FILES,
  checkpointTime,
  parseCheckpointState,
  type CheckpointState,
} from "../../container/protocol/checkpoint.ts";
import type { Connection } from "../modal/connection.ts";
import type { Volume } from "../modal/sandboxes.ts";
import { listVolumeFiles, readVolumeFile } from "../modal/volume-files.ts";
import {
  checkpointDir,
  checkpointHistoryDir,
  pathInVolume,
  removedSessionMarker,
} from "../volume/layout.ts";

/** A checkpoint as it lies on the volume, looked at without a sandbox. */
export interface StoredCheckpoint {
  readonly id: string;
  readonly createdAt: Date;
  /** Undefined where it cannot be read. */
  readonly state: CheckpointState | undefined;
  /** What is plainly wrong with it. Digests are compared when it is restored. */
  readonly damage: string | undefined;
}

/** What the volume has of a session. */
export interface StoredSession {
  /** Newest first. */
  readonly checkpoints: readonly StoredCheckpoint[];
  /** Whether the session was removed: what is left of it may go at any time. */
  readonly isRemoved: boolean;
}

/** The checkpoints of a session that are committed, whether it runs or not. */
export async function readStoredSession(
  connection: Connection,
  volume: Volume,
  session: string,
): Promise<StoredSession> {
  const directory = pathInVolume(checkpointDir(session));
  const entries = await listVolumeFiles(connection, volume, directory, { recursive: true });
  const paths = entries.map(({ path }) => path);
  const history = `${pathInVolume(checkpointHistoryDir(session))}/`;
  const files = new Map<string, Set<string>>();
  for (const path of paths.filter((found) => found.startsWith(history))) {
    const [id = "", name] = path.slice(history.length).split("/");
    if (checkpointTime(id) === undefined) continue;
    const names = files.get(id) ?? new Set();
    files.set(id, name === undefined ? names : names.add(name));
  }
  const ids = [...files.keys()].sort().reverse();
  const checkpoints = await Promise.all(
    ids.map(async (id) => {
      const state = await readStoredState(connection, volume, session, id);
      const createdAt = checkpointTime(id) ?? new Date(Number.NaN);
      return { id, createdAt, state, damage: damageOf(state, files.get(id) ?? new Set()) };
    }),
  );
  return { checkpoints, isRemoved: paths.includes(pathInVolume(removedSessionMarker(session))) };
}

/** The state of one checkpoint that is committed; undefined where there is none that can be read. */
export async function readStoredState(
  connection: Connection,
  volume: Volume,
  session: string,
  id: string,
): Promise<CheckpointState | undefined> {
  const path = pathInVolume(`${checkpointHistoryDir(session)}/${id}/${CHECKPOINT_FILES.state}`);
  const content = await readVolumeFile(connection, volume, path);
  const state = content && parseCheckpointState(content.toString());
  return state?.id === id ? state : undefined;
}

function damageOf(state: CheckpointState | undefined, found: Set<string>): string | undefined {
  if (state === undefined) return `${CHECKPOINT_FILES.state} cannot be read`;
  const missing = Object.keys(state.files).filter((name) => !found.has(name));
  return missing.length === 0 ? undefined : `${missing.join(", ")} is missing`;
}
