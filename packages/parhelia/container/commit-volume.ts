import { execFileSync } from "node:child_process";
import { VOLUME_ROOT } from "../src/volume/layout.ts";

/**
 * Makes what this sandbox wrote to the volume visible to others, which see it after their own reload. A
 * program of this name is the documented way on a Modal volume.
 * @throws Error where it could not be committed
 */
export function commitVolume(): void {
  execFileSync("sync", [VOLUME_ROOT], { stdio: ["ignore", "ignore", "pipe"] });
}
