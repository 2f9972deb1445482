import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { CheckpointWindow } from "../protocol/checkpoint.ts";
import type { Environment } from "../init/session-environment.ts";
import { SESSION_CLAUDE_DIR, TMUX_SESSION } from "../protocol/paths.ts";
import { askTmux } from "./ask-tmux.ts";

const CONVERSATION_ID = /^[\w-]+$/;

/**
 * In the windows of a resumed session in which Claude Code had a conversation open, it runs again with that
 * conversation, and waits for its user.
 */
export async function reopenClaude(
  windows: readonly CheckpointWindow[],
  environment: Environment,
): Promise<void> {
  const claudeDirectory = environment["CLAUDE_CONFIG_DIR"] ?? SESSION_CLAUDE_DIR;
  for (const [index, { conversation }] of windows.entries()) {
    // A checkpoint of an earlier Parhelia does not know the conversations of its windows.
    if (typeof conversation !== "string" || !CONVERSATION_ID.test(conversation)) continue;
    // Where nothing has been said yet, there is nothing to go on with.
    const command = isWritten(claudeDirectory, conversation)
      ? `claude --resume ${conversation}`
      : "claude";
    await askTmux(["send-keys", "-t", `${TMUX_SESSION}:${index}`, command, "Enter"], environment);
  }
}

function isWritten(claudeDirectory: string, conversation: string): boolean {
  const projects = join(claudeDirectory, "projects");
  if (!existsSync(projects)) return false;
  return readdirSync(projects).some((name) =>
    existsSync(join(projects, name, `${conversation}.jsonl`)),
  );
}
