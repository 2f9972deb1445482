import { existsSync } from "node:fs";
import { join } from "node:path";
import { VOLUME_ROOT } from "../../src/volume/layout.ts";
import { becomeSandboxUser } from "../become-user.ts";
import { findCheckpoint } from "./restore.ts";
import { restoreTree } from "./restore-tree.ts";

/**
 * `parhelia-container unpack SESSION/ID DIR`, as the sandbox's user: the workspace of a checkpoint, verified, in
 * a directory that is not there yet. ID may be `latest`. Status 1, with a sentence, when that cannot be done.
 */
export function unpack([from = "", directory = ""]: readonly string[]): void {
  if (directory === "") {
    process.stderr.write("usage: parhelia-container unpack SESSION/ID DIR\n");
    process.exitCode = 2;
    return;
  }
  process.umask(0o022);
  becomeSandboxUser();
  try {
    if (existsSync(directory)) throw new Error(`${directory} is there already`);
    const { places, id, state } = findCheckpoint({ volume: VOLUME_ROOT, from });
    restoreTree({ directory: join(places.history, id), state }, directory);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`parhelia-container unpack: ${text}\n`);
    process.exitCode = 1;
  }
}
