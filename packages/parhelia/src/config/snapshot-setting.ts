import * as z from "zod";
import { checked } from "./checked.ts";

/** What is kept of a session's sandbox besides its checkpoints (SPEC-01.15 (3)). */
const SNAPSHOTS = ["off", "filesystem"] as const;

const NO_MEMORY =
  'does not take "memory": such a snapshot would keep the values of secrets for 7 days, is Alpha, of cpu sandboxes only and not together with inject = "proxy"; "filesystem" keeps what was installed, and parhelia pool fill makes starts fast';

function snapshotProblem(value: string): string | undefined {
  if (value === "memory") return NO_MEMORY;
  return SNAPSHOTS.some((known) => known === value) ? undefined : 'must be "off" or "filesystem"';
}

/** `[modal] snapshot`. */
export const snapshotSetting = checked(z.string(), snapshotProblem).default("off").meta({
  enum: SNAPSHOTS,
  description:
    "What `parhelia stop`, `parhelia checkpoint`, and `parhelia fork` of a session that runs, keep of a sandbox besides its checkpoint. `filesystem`: an image of its own files, so that what was installed in it is there again after `parhelia resume` and `parhelia fork`; for 30 days, as long as the published image is the same. `off`: nothing.",
});
