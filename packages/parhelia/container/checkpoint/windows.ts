import { execFileSync } from "node:child_process";
import type { CheckpointWindow } from "../protocol/checkpoint.ts";
import { SANDBOX_USER, TMUX_SESSION } from "../protocol/paths.ts";
import { errorCode } from "./scan.ts";
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

/** Whose tmux it is. */
const SANDBOX_IDS = { uid: SANDBOX_USER.uid, gid: SANDBOX_USER.gid };

/**
 * The windows of the sandbox's tmux session; none where there is no such session, undefined where tmux does not
 * answer, as while it stands still.
 * @param claudeDirectory `CLAUDE_CONFIG_DIR`
 */
export function listWindows(claudeDirectory: string): CheckpointWindow[] | undefined {
  try {
    // -u: in a locale without UTF-8 it prints neither tabs nor names as they are.
    const args = ["-u", "list-windows", "-t", `=${TMUX_SESSION}`, "-F", FORMAT];
    const output = execFileSync("tmux", args, {
      ...(process.geteuid?.() === 0 ? SANDBOX_IDS : {}),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: TIMEOUT_MS,
    });
    const open = openConversations(claudeDirectory);
    return output.split("\n").flatMap((line) => parseWindow(line, open));
  } catch (error) {
    return errorCode(error) === "ETIMEDOUT" ? undefined : [];
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
