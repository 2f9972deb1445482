import { readFileSync, renameSync } from "node:fs";
import { PREPARED_FILE } from "../protocol/paths.ts";

const TAKEN_FILE = `${PREPARED_FILE}.taken`;

/**
 * Takes a prepared sandbox: of any number of processes that try, exactly one succeeds, since only one can rename
 * the file.
 * @returns init's process; undefined when the sandbox is taken, or was never a prepared one
 */
export function takePrepared(): number | undefined {
  try {
    renameSync(PREPARED_FILE, TAKEN_FILE);
  } catch {
    return undefined;
  }
  return Number(readFileSync(TAKEN_FILE, "utf8"));
}
