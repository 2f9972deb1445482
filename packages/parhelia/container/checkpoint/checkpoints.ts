import { VOLUME_ROOT } from "../../src/volume/layout.ts";
import { becomeSandboxUser } from "../become-user.ts";
import { listCheckpoints } from "./history.ts";
import { checkpointPlaces } from "./places.ts";

/**
 * `parhelia-container checkpoints [SESSION]`: prints a `CheckpointList` of a session, by default this one.
 * Every checkpoint is read whole and verified.
 */
export function checkpoints([
  session = process.env["PARHELIA_SESSION"] ?? "",
]: readonly string[]): void {
  if (session === "" || session.startsWith(".") || session.includes("/")) {
    process.stderr.write(`usage: parhelia-container checkpoints SESSION\n`);
    process.exitCode = 2;
    return;
  }
  becomeSandboxUser();
  const list = listCheckpoints(checkpointPlaces(VOLUME_ROOT, session));
  process.stdout.write(`${JSON.stringify(list)}\n`);
}
