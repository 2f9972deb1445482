import { chmodSync, lchownSync, lstatSync, mkdirSync } from "node:fs";
import type { Stats } from "node:fs";
import { StepError } from "./steps.ts";

/** A directory of the volume and who owns it. */
export interface OwnedDirectory {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
}

const MODE = 0o755;

/**
 * Makes the volume's structure (SPEC-01.12, decision D6): each directory there, its owner right, and
 * writable for its owner only. Parents come before children. One look at each when all is well; what
 * lies inside the directories is not touched.
 * @throws StepError when something other than a directory is in the way.
 */
export function prepareVolume(directories: readonly OwnedDirectory[]): void {
  for (const { path, uid, gid } of directories) {
    const stats = directoryStats(path);
    if (stats.uid !== uid || stats.gid !== gid) lchownSync(path, uid, gid);
    if ((stats.mode & 0o7777) !== MODE) chmodSync(path, MODE);
  }
}

function directoryStats(path: string): Stats {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    mkdirSync(path, { recursive: true, mode: MODE });
    return lstatSync(path);
  }
  // A link could lead the ownership change outside of the volume.
  if (!found.isDirectory()) throw new StepError(`${path} is not a directory: move it away`);
  return found;
}
