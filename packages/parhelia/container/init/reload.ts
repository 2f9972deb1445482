import { existsSync, readFileSync, rmSync } from "node:fs";
import { INIT_PID_FILE } from "../protocol/paths.ts";
import { writeFileAtomically } from "../write-file.ts";

/** In init: what a snapshot brought names no process. */
export function removeInitPid(): void {
  rmSync(INIT_PID_FILE, { force: true });
}

/** In init: from here on it does this whenever the configuration on the volume may be another. */
export function reloadOnHangUp(reload: () => void): void {
  process.on("SIGHUP", reload);
  writeFileAtomically(INIT_PID_FILE, `${process.pid}\n`, { mode: 0o644 });
}

/** In another process of root's: tells init. One that is still starting reads the configuration anyway. */
export function tellInitToReload(): void {
  if (existsSync(INIT_PID_FILE))
    process.kill(Number(readFileSync(INIT_PID_FILE, "utf8")), "SIGHUP");
}
