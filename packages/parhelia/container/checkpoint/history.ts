import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { CheckpointList, CheckpointState, CheckpointSummary } from "../protocol/checkpoint.ts";
import { CHECKPOINT_FILES, checkpointTime, parseCheckpointState } from "../protocol/checkpoint.ts";
import { describeFile } from "./digest.ts";
import type { CheckpointPlaces } from "./places.ts";
import { errorCode } from "./scan.ts";
import type { Previous } from "./workspace.ts";

/** The ids of a session's checkpoints, newest first, damaged ones included. */
export function checkpointIds({ history }: CheckpointPlaces): string[] {
  try {
    const names = readdirSync(history);
    return names
      .filter((name) => checkpointTime(name) !== undefined)
      .sort()
      .reverse();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** The id that `latest` leads to; undefined where there is no checkpoint yet. */
export function latestId({ latest }: CheckpointPlaces): string | undefined {
  try {
    return basename(readlinkSync(latest));
  } catch {
    return undefined;
  }
}

/** A checkpoint's `state.json`; undefined where it cannot be read. */
export function readState(places: CheckpointPlaces, id: string): CheckpointState | undefined {
  try {
    const file = join(places.history, id, CHECKPOINT_FILES.state);
    return parseCheckpointState(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** The latest checkpoint, where its files are all there in the size that they should have. */
export function readLatest(places: CheckpointPlaces): Previous | undefined {
  const id = latestId(places);
  return id === undefined ? undefined : readUnchecked(places, id);
}

/** A checkpoint whose files are all there in the size that they should have; their content is not read. */
export function readUnchecked(places: CheckpointPlaces, id: string): Previous | undefined {
  const state = readState(places, id);
  if (state === undefined) return undefined;
  const directory = join(places.history, id);
  const isThere = Object.entries(state.files).every(
    ([name, { bytes }]) =>
      statSync(join(directory, name), { throwIfNoEntry: false })?.size === bytes,
  );
  return isThere ? { directory, state } : undefined;
}

/**
 * Reads a checkpoint whole and compares it with what its `state.json` says.
 * @returns what is damaged, in a sentence; null where nothing is
 */
export function findDamage(places: CheckpointPlaces, id: string): string | null {
  const state = readState(places, id);
  if (state === undefined) return `${CHECKPOINT_FILES.state} cannot be read`;
  if (state.id !== id || state.files[CHECKPOINT_FILES.workspace] === undefined) {
    return `${CHECKPOINT_FILES.state} is not this checkpoint's`;
  }
  for (const [name, file] of Object.entries(state.files)) {
    const damage = damageOf(join(places.history, id, name), file);
    if (damage !== null) return `${name} ${damage}`;
  }
  return null;
}

/** All checkpoints of a session, each verified, newest first. */
export function listCheckpoints(places: CheckpointPlaces): CheckpointList {
  const latest = latestId(places);
  const checkpoints = checkpointIds(places).map((id) => summarise(places, id, id === latest));
  return { session: places.session, checkpoints };
}

/** The newest checkpoint before another that is whole; undefined where there is none. */
export function newestWholeBefore(places: CheckpointPlaces, id: string): string | undefined {
  return checkpointIds(places).find((other) => other < id && findDamage(places, other) === null);
}

/** How a file differs from what it should be. */
export function damageOf(
  path: string,
  wanted: { readonly bytes: number; readonly digest: string },
): string | null {
  try {
    const found = describeFile(path);
    return differenceOf(found, wanted);
  } catch (error) {
    return errorCode(error) === "ENOENT" ? "is missing" : `cannot be read (${errorCode(error)})`;
  }
}

/** Two descriptions of what should be one file. */
export function differenceOf(
  found: { readonly bytes: number; readonly digest: string },
  wanted: { readonly bytes: number; readonly digest: string },
): string | null {
  if (found.bytes !== wanted.bytes) {
    return `has ${found.bytes} bytes instead of ${wanted.bytes}`;
  }
  return found.digest === wanted.digest ? null : "has another content than was written";
}

function summarise(places: CheckpointPlaces, id: string, isLatest: boolean): CheckpointSummary {
  const state = readState(places, id);
  const damage = findDamage(places, id);
  const files = Object.values(state?.files ?? {});
  return {
    id,
    createdAt: state?.createdAt ?? checkpointTime(id)?.toISOString() ?? "",
    reason: state?.reason ?? null,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    status: damage === null ? "verified" : "damaged",
    damage,
    conversations: state?.conversations ?? 0,
    isLatest,
  };
}
