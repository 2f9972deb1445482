import { join } from "node:path";
import {
  checkpointDir,
  checkpointHistoryDir,
  latestCheckpointLink,
  pathInVolume,
  WORKSPACES_DIR,
} from "../../src/volume/layout.ts";

/** Where the checkpoints of a session are, on a volume that is mounted anywhere. */
export interface CheckpointPlaces {
  readonly session: string;
  /** The session's. */
  readonly directory: string;
  readonly history: string;
  readonly latest: string;
}

export function checkpointPlaces(volume: string, session: string): CheckpointPlaces {
  const inVolume = (path: string) => join(volume, pathInVolume(path));
  return {
    session,
    directory: inVolume(checkpointDir(session)),
    history: inVolume(checkpointHistoryDir(session)),
    latest: inVolume(latestCheckpointLink(session)),
  };
}

/** The working tree of a session by its PARHELIA_WORKSPACE; null for the directory that all sessions share. */
export function ownWorkspace(workspace: string | undefined): string | null {
  const directory = workspace?.replace(/\/+$/, "") ?? WORKSPACES_DIR;
  return directory === WORKSPACES_DIR ? null : directory;
}
