import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { localStateDirectory } from "../../modal/local.ts";
import { failure, ok, warning } from "./check.ts";
import type { Check } from "./check.ts";

const OLDEST_NODE_MAJOR = 22;
const GIB = 1024 ** 3;
/** The image and what its build needs for a while. */
const NEEDED_BYTES = 4 * GIB;
const COMFORTABLE_BYTES = 10 * GIB;

/** The Node that runs this. */
export function checkNode(version: string): Check {
  const major = Number(version.replace(/^v/, "").split(".")[0]);
  if (major >= OLDEST_NODE_MAJOR) return ok("node", version);
  return failure(
    "node",
    `${version} is too old, ${OLDEST_NODE_MAJOR} is needed`,
    "npm install --global node@24",
  );
}

/** Room for images and volumes, where the emulator keeps its state. */
export async function checkDiskSpace(env: NodeJS.ProcessEnv): Promise<Check> {
  let directory = localStateDirectory(env);
  while (!existsSync(directory)) directory = dirname(directory);
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  const detail = `${(freeBytes / GIB).toFixed(1)} GiB free at ${directory}`;
  const mend = "remove what you no longer need, for example with parhelia local prune";
  if (freeBytes < NEEDED_BYTES) {
    return failure("disk space", `${detail}; an image build needs ${NEEDED_BYTES / GIB}`, mend);
  }
  if (freeBytes < COMFORTABLE_BYTES) return warning("disk space", detail, mend);
  return ok("disk space", detail);
}
