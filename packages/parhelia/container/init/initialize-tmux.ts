import { mkdirSync } from "node:fs";
import { WORKSPACES_DIR } from "../../src/volume/layout.ts";
import { SANDBOX_USER, TMUX_SESSION } from "../protocol/paths.ts";
import { asUser } from "./as-user.ts";
import type { Environment } from "./session-environment.ts";
import { runAsUser } from "./user-command.ts";

/** Stopping is bounded: the sandbox ends anyway. */
const STOP_TIMEOUT_MS = 1_000;

/**
 * SPEC-01.13 step 4, SPEC-01.AC7: starts the user's tmux server with session `main` in the workspace
 * (`PARHELIA_WORKSPACE`, made when it is missing) and asks that server for the session. Its windows start
 * with the environment given, secrets included.
 * @throws StepError with what tmux printed.
 */
export async function initializeTmux(environment: Environment): Promise<void> {
  const workspace = environment.PARHELIA_WORKSPACE ?? WORKSPACES_DIR;
  // As the user: root would follow links that a session left in the user's own directories.
  asUser(SANDBOX_USER, () => mkdirSync(workspace, { recursive: true }));
  const create = ["new-session", "-d", "-s", TMUX_SESSION, "-c", workspace];
  await runAsUser(["tmux", ...create, ";", "has-session", "-t", `=${TMUX_SESSION}`], {
    environment,
  });
}

/** Ends the server, and with it everything in its windows, by SIGHUP. */
export async function stopTmux(environment: Environment): Promise<void> {
  await runAsUser(["tmux", "kill-server"], { environment, timeoutMs: STOP_TIMEOUT_MS });
}
