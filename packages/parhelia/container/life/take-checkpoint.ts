import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type {
  CheckpointReason,
  CheckpointResult,
  CheckpointWindow,
} from "../protocol/checkpoint.ts";
import { CONTAINER_PROGRAM, EXEC_PROGRAM } from "../protocol/paths.ts";

/** What a checkpoint that nobody waits for may take of the CPU: Claude comes first. */
const NICENESS = ["nice", "-n", "10"];

/** Of what a child printed, in an error. */
const MAX_ERROR_CHARACTERS = 400;

/**
 * Takes a checkpoint of this sandbox's session, as the session's user, and commits it on the volume. A
 * failure is part of the result.
 * @param options `background`: at a low priority; `windows`: where tmux stands still, and cannot be asked for them
 */
export async function takeCheckpoint(
  reason: CheckpointReason,
  {
    background,
    windows,
  }: { readonly background: boolean; readonly windows?: readonly CheckpointWindow[] | undefined },
): Promise<CheckpointResult> {
  const startedAt = performance.now();
  const failed = (error: string): CheckpointResult => ({
    ok: false,
    id: null,
    unchanged: false,
    bytes: 0,
    durationMs: Math.round(performance.now() - startedAt),
    error,
    isTooEarly: false,
  });
  const command = [CONTAINER_PROGRAM, "checkpoint", "--reason", reason, "--commit"];
  if (windows !== undefined) command.push("--windows", JSON.stringify(windows));
  const wrapper = background ? [...NICENESS, ...command] : command;
  // Not in the workspace, which need not exist any more.
  const child = spawn(EXEC_PROGRAM, ["--cwd", "/", "--", ...wrapper], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  try {
    const [stdout, stderr, outcome] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      new Promise<string>((resolve, reject) => {
        child.on("error", reject);
        child.on("exit", (code, signal) => {
          resolve(signal ?? `status ${code}`);
        });
      }),
    ]);
    const line = stdout.trim().split("\n").at(-1) ?? "";
    if (line.startsWith("{")) return JSON.parse(line) as CheckpointResult;
    const said = stderr.trim().slice(-MAX_ERROR_CHARACTERS);
    return failed(`it ended with ${outcome}${said === "" ? "" : `: ${said}`}`);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}
