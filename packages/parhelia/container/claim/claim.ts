import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CLAIM_PATIENCE_MS, CLAIM_TAKEN, CLAIMED_LINE } from "../protocol/claim.ts";
import { CLAIM_FILE, INIT_RECORD_FILE } from "../protocol/paths.ts";
import { readLine } from "../read-line.ts";
import { writeFileAtomically } from "../write-file.ts";
import { takePrepared } from "./prepared-file.ts";

/** How often is looked whether init is done. */
const LOOK_INTERVAL_MS = 5;

/**
 * `parhelia-container claim`, as root: takes this prepared sandbox for a session (decision 0011). A sandbox that
 * is taken and then told nothing ends: nobody else can have it.
 */
export async function claim(): Promise<void> {
  const init = takePrepared();
  if (init === undefined) {
    process.exitCode = CLAIM_TAKEN;
    return;
  }
  process.stdout.write(`${CLAIMED_LINE}\n`);
  const session = await readLine(CLAIM_PATIENCE_MS);
  if (session === undefined) {
    process.kill(init, "SIGTERM");
    process.exit(1);
  }
  writeFileAtomically(CLAIM_FILE, session, { mode: 0o600 });
  process.kill(init, "SIGHUP");
  // Where a step of init fails, the sandbox ends, and this with it.
  while (!existsSync(INIT_RECORD_FILE)) await sleep(LOOK_INTERVAL_MS);
  process.exit(0); // standard input may still be open
}
