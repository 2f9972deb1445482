import type { CheckpointWindow } from "../protocol/checkpoint.ts";
import type { Environment } from "../init/session-environment.ts";
import { TMUX_SESSION } from "../protocol/paths.ts";
import { askTmux } from "./ask-tmux.ts";

/** tmux names a window after what runs in it, where nobody has named it. */
const CLAUDE = "claude";

/** Claude Code goes on with the newest conversation that it had in the window's directory. */
const COMMAND = "claude --continue";

/** In the windows of a resumed session in which Claude Code ran, it runs again, and waits for its user. */
export async function reopenClaude(
  windows: readonly CheckpointWindow[],
  environment: Environment,
): Promise<void> {
  for (const [index, { name, named }] of windows.entries()) {
    if (named || name !== CLAUDE) continue;
    await askTmux(["send-keys", "-t", `${TMUX_SESSION}:${index}`, COMMAND, "Enter"], environment);
  }
}
