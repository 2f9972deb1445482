import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Name of the file in the state directory that says where the emulator listens. */
export const SERVER_FILE = "server.json";

/**
 * What sandboxes see of a volume: all the same files, at once; or, as on Modal, each its own copy, between which
 * commits and reloads carry what changes.
 */
export type VolumeMode = "direct" | "committed";

/** Where the emulator of a state directory listens. */
export interface ServerFile {
  /** Left out when the process has ended as it was told to. */
  readonly pid?: number;
  readonly port: number;
  readonly build: string;
  /** Left out when it has ended. */
  readonly volumes?: VolumeMode;
}

/** What the last emulator of the state directory wrote, or undefined where there was none. */
export function readServerFile(stateDirectory: string): ServerFile | undefined {
  try {
    return JSON.parse(readFileSync(join(stateDirectory, SERVER_FILE), "utf8")) as ServerFile;
  } catch {
    return undefined;
  }
}
