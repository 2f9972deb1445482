import { TMUX_SESSION } from "../protocol/paths.ts";
import type { CheckpointWindow } from "../protocol/checkpoint.ts";
import type { Linked } from "./link-config.ts";
import { prepareWorkspace } from "./prepare-workspace.ts";
import type { Environment } from "./session-environment.ts";
import { runAsUser } from "./user-command.ts";

/** Stopping is bounded: the sandbox ends anyway. */
const STOP_TIMEOUT_MS = 1_000;

/**
 * SPEC-01.13 step 4, SPEC-01.AC7: starts the user's tmux server with session `main` in the workspace
 * (`PARHELIA_WORKSPACE`, made when it is missing) and asks that server for the session. Its windows start
 * with the environment given, secrets included. A session that goes on gets the windows that it had.
 * @throws StepError with what tmux printed.
 */
export async function initializeTmux({ environment, windows = [] }: Linked): Promise<void> {
  const workspace = prepareWorkspace(environment);
  const [first, ...others] = windows.map(windowArguments);
  const create = ["new-session", "-d", "-s", TMUX_SESSION, ...(first ?? ["-c", workspace])];
  const open = others.flatMap((window) => [";", "new-window", "-t", `${TMUX_SESSION}:`, ...window]);
  const active = windows.findIndex((window) => window.active);
  const select = active < 0 ? [] : [";", "select-window", "-t", `${TMUX_SESSION}:${active}`];
  const check = [";", "has-session", "-t", `=${TMUX_SESSION}`];
  await runAsUser(["tmux", ...create, ...open, ...select, ...check], { environment });
}

function windowArguments({ directory, name, named }: CheckpointWindow): string[] {
  return ["-c", literal(directory), ...(named ? ["-n", literal(name)] : [])];
}

/** A text that tmux takes as it is: not as a format, nor, by its end, for the end of a command. */
function literal(text: string): string {
  return text.replaceAll("#", "##").replace(/;$/, "\\;");
}

/** Ends the server, and with it everything in its windows, by SIGHUP. */
export async function stopTmux(environment: Environment): Promise<void> {
  await runAsUser(["tmux", "kill-server"], { environment, timeoutMs: STOP_TIMEOUT_MS });
}
