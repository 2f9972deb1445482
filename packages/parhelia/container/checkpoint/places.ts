import { join } from "node:path";
import {
  checkpointDir,
  checkpointHistoryDir,
  latestCheckpointLink,
  pathInVolume,
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
