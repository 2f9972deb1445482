import { spawnSync } from "node:child_process";
import { asUser } from "../init/as-user.ts";
import { SANDBOX_USER } from "../protocol/paths.ts";
import { snapshotFile, VOLUME_ROOT } from "../../src/volume/layout.ts";
import { writeFileAtomically } from "../write-file.ts";

/**
 * `parhelia-container record-snapshot SESSION JSON`, as root: writes what is known of the session's snapshot beside
 * its checkpoints, and commits that.
 */
export function recordSnapshot([session = "", record = ""]: readonly string[]): void {
  asUser(SANDBOX_USER, () => {
    writeFileAtomically(snapshotFile(session), `${record}\n`, { mode: 0o644 });
  });
  process.exitCode = spawnSync("sync", [VOLUME_ROOT], { stdio: "inherit" }).status ?? 1;
}
