import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { takePrepared } from "../claim/prepared-file.ts";
import { writeLog } from "../log.ts";
import { CLAIM_BY_VARIABLE, SESSION_BEGINS_LINE } from "../protocol/claim.ts";
import {
  CLAIM_FILE,
  INIT_RECORD_FILE,
  PREPARED_FILE,
  PREPARED_MARKER_TEXT,
  RUN_DIR,
} from "../protocol/paths.ts";
import { writeFileAtomically } from "../write-file.ts";
import { writeReadyMarker } from "./report-ready.ts";
import { sessionEnvironment, type Environment } from "./session-environment.ts";
import { runSteps } from "./steps.ts";

/** What a session begins with. */
export interface SessionStart {
  /** The sandbox's variables, and those that the session sets in a prepared one. */
  readonly given: NodeJS.ProcessEnv;
  /** Only the latter; none where the sandbox was made for its session. */
  readonly claimed: Environment;
  /** Whether step 2 has been done in this sandbox. */
  readonly isVerified: boolean;
  /** When the session began to start, as `performance.now()` counts. */
  readonly begunMs: number;
}

/**
 * A sandbox that was made without a session (decision 0011) verifies what needs none, and waits until one claims
 * it. Where none does by PARHELIA_CLAIM_BY, the sandbox ends with status 0. Any other has its session already.
 * @param verify step 2; what it throws ends the sandbox with status 1
 */
export async function awaitSession(
  environment: NodeJS.ProcessEnv,
  verify: (environment: Environment) => Promise<void>,
): Promise<SessionStart> {
  const { [CLAIM_BY_VARIABLE]: claimBy, ...given } = environment;
  if (claimBy === undefined) return { given, claimed: {}, isVerified: false, begunMs: 0 };
  mkdirSync(RUN_DIR, { recursive: true, mode: 0o755 });
  rmSync(INIT_RECORD_FILE, { force: true });
  const { variables } = sessionEnvironment(given, new Map());
  const done = await runSteps([{ name: "verify-claude-code", run: () => verify(variables) }]);
  if (done === undefined) process.exit(1);

  const claim = once(process, "SIGHUP");
  writeFileAtomically(PREPARED_FILE, `${process.pid}\n`, { mode: 0o600 });
  writeReadyMarker(PREPARED_MARKER_TEXT);
  writeLog(`parhelia-init prepared ${Math.round(performance.now())}ms, waits until ${claimBy}`);
  const patience = setTimeout(endUnclaimed, Date.parse(claimBy) - Date.now());
  await claim;
  clearTimeout(patience);
  writeLog(SESSION_BEGINS_LINE);
  const claimed = JSON.parse(readFileSync(CLAIM_FILE, "utf8")) as Environment;
  const begunMs = performance.now();
  return { given: { ...given, ...claimed }, claimed, isVerified: true, begunMs };
}

/** Unless somebody is claiming it at this moment. */
function endUnclaimed(): void {
  if (takePrepared() === undefined) return;
  writeLog("parhelia-init ends: no session has claimed this sandbox");
  process.exit(0);
}
