import { execFileSync } from "node:child_process";
import type { CheckpointWindow } from "../protocol/checkpoint.ts";
import { TMUX_SESSION } from "../protocol/paths.ts";
import { conversationBelow, openConversations } from "./open-conversations.ts";

const TIMEOUT_MS = 2_000;
const FIELDS = [
  "window_active",
  "automatic-rename",
  "pane_pid",
  "pane_current_path",
  "window_name", // may have tabs
];
const FORMAT = FIELDS.map((field) => `#{${field}}`).join("\t");

/**
 * The windows of the sandbox's tmux session; none where there is no such session.
 * @param claudeDirectory `CLAUDE_CONFIG_DIR`
 */
export function listWindows(claudeDirectory: string): CheckpointWindow[] {
  try {
    const args = ["list-windows", "-t", `=${TMUX_SESSION}`, "-F", FORMAT];
    const output = execFileSync("tmux", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: TIMEOUT_MS,
    });
    const open = openConversations(claudeDirectory);
    return output.split("\n").flatMap((line) => parseWindow(line, open));
  } catch {
    return [];
  }
}

function parseWindow(line: string, open: ReadonlyMap<number, string>): CheckpointWindow[] {
  const [active, automatic, pid, directory = "", ...name] = line.split("\t");
  if (directory === "") return [];
  return [
    {
      name: name.join("\t"),
      directory,
      active: active === "1",
      named: automatic !== "1",
      conversation: conversationBelow(open, Number(pid)),
    },
  ];
}
