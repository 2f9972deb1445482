import { execFileSync } from "node:child_process";
import type { CheckpointWindow } from "../protocol/checkpoint.ts";
import { TMUX_SESSION } from "../protocol/paths.ts";

const TIMEOUT_MS = 2_000;
const FIELDS = ["window_active", "automatic-rename", "pane_current_path", "window_name"];
const FORMAT = FIELDS.map((field) => `#{${field}}`).join("\t");

/** The windows of the sandbox's tmux session; none where there is no such session. */
export function listWindows(): CheckpointWindow[] {
  try {
    const args = ["list-windows", "-t", `=${TMUX_SESSION}`, "-F", FORMAT];
    const output = execFileSync("tmux", args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: TIMEOUT_MS,
    });
    return output.split("\n").flatMap(parseWindow);
  } catch {
    return [];
  }
}

function parseWindow(line: string): CheckpointWindow[] {
  const [active, automatic, directory = "", ...name] = line.split("\t");
  if (directory === "") return [];
  return [{ name: name.join("\t"), directory, active: active === "1", named: automatic !== "1" }];
}
