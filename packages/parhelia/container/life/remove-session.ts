import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { asUser } from "../init/as-user.ts";
import { SANDBOX_USER } from "../protocol/paths.ts";
import { checkpointDir, removedSessionMarker, VOLUME_ROOT } from "../../src/volume/layout.ts";

/**
 * `parhelia-container remove-session SESSION`, as root: marks the session's checkpoints as those of a session
 * that nobody wants back, and commits that. A session that has none yet takes none from then on.
 */
export function removeSession([session = ""]: readonly string[]): void {
  asUser(SANDBOX_USER, () => {
    mkdirSync(checkpointDir(session), { recursive: true });
    // Not followed, should it be a link.
    rmSync(removedSessionMarker(session), { force: true });
    writeFileSync(removedSessionMarker(session), `${new Date().toISOString()}\n`, { flag: "wx" });
  });
  process.exitCode = spawnSync("sync", [VOLUME_ROOT], { stdio: "inherit" }).status ?? 1;
}
