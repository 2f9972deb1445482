import { execFileSync } from "node:child_process";
import { setPriority } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { VOLUME_ROOT } from "../../src/volume/layout.ts";
import { becomeSandboxUser } from "../become-user.ts";
import { commitVolume } from "../commit-volume.ts";
import type {
  CheckpointReason,
  CheckpointResult,
  CheckpointWindow,
} from "../protocol/checkpoint.ts";
import { CHECKPOINT_REASONS } from "../protocol/checkpoint.ts";
import {
  CHECKPOINT_MEMORY_DIR,
  LAST_CHECKPOINT_FILE,
  SESSION_CLAUDE_DIR,
} from "../protocol/paths.ts";
import { isIncomplete } from "../workspace/incomplete-tree.ts";
import { writeFileAtomically } from "../write-file.ts";
import { latestId } from "./history.ts";
import { withLock } from "./lock.ts";
import { checkpointPlaces, ownWorkspace } from "./places.ts";
import { listWindows } from "./windows.ts";
import { writeCheckpoint } from "./write-checkpoint.ts";

const USAGE = "usage: parhelia-container checkpoint --reason REASON [--commit] [--windows JSON]";

const LOWEST_PRIORITY = 19;

/** What somebody waits for, or what is about to end: it goes before the session's own work. */
const URGENT: readonly CheckpointReason[] = ["request", "deadline", "shutdown", "signal"];

/**
 * `parhelia-container checkpoint --reason REASON [--commit] [--windows JSON]`, as the sandbox's user: writes a
 * checkpoint of this session where something has changed since the last one. Prints a `CheckpointResult`; with
 * `--commit` it does so once other sandboxes can see the checkpoint. tmux is asked for the windows, unless they
 * are given. Status 0 where there is one now, otherwise 1. Of a tree
 * that its project is still on its way to, or was cut off on, none is taken: `isTooEarly`.
 */
export async function checkpoint(args: readonly string[]): Promise<void> {
  const order = parse(args);
  if (order === undefined) {
    process.stderr.write(`${USAGE}; REASON is one of ${CHECKPOINT_REASONS.join(", ")}\n`);
    process.exitCode = 2;
    return;
  }
  process.umask(0o022);
  becomeSandboxUser();
  if (!URGENT.includes(order.reason)) giveWay();
  const result = await take(order);
  const line = `${JSON.stringify(result)}\n`;
  // For the metrics; the checkpoint is whole without it.
  if (result.ok && !result.unchanged)
    writeFileAtomically(LAST_CHECKPOINT_FILE, line, { mode: 0o644 });
  process.stdout.write(line);
  process.exitCode = result.ok ? 0 : 1;
}

interface Order {
  readonly reason: CheckpointReason;
  readonly isCommitted: boolean;
  readonly windows: readonly CheckpointWindow[] | undefined;
}

/** Undefined for what is none. */
function parse(args: readonly string[]): Order | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        reason: { type: "string", default: "request" },
        commit: { type: "boolean", default: false },
        windows: { type: "string" },
      },
    });
    const reason = CHECKPOINT_REASONS.find((one) => one === values.reason);
    if (reason === undefined) return undefined;
    const windows =
      values.windows === undefined
        ? undefined
        : (JSON.parse(values.windows) as readonly CheckpointWindow[]);
    return { reason, isCommitted: values.commit, windows };
  } catch {
    return undefined;
  }
}

async function take({ reason, isCommitted, windows }: Order): Promise<CheckpointResult> {
  const session = process.env["PARHELIA_SESSION"] ?? "";
  const places = checkpointPlaces(VOLUME_ROOT, session);
  const claudeDirectory = process.env["CLAUDE_CONFIG_DIR"] ?? SESSION_CLAUDE_DIR;
  const workspace = ownWorkspace(process.env["PARHELIA_WORKSPACE"]);
  const durationMs = () => Math.round(performance.now());
  const isTooEarly = workspace !== null && isIncomplete(workspace);
  try {
    if (session === "") throw new Error("PARHELIA_SESSION is not set: this is no session");
    if (isTooEarly) throw new Error("not all of the session's project has come");
    const written = await withLock(join(CHECKPOINT_MEMORY_DIR, "lock"), () => {
      const taken = writeCheckpoint({
        places,
        reason,
        workspace,
        claudeDirectory,
        knownFiles: join(CHECKPOINT_MEMORY_DIR, "known-files.json"),
        windows: windows ?? listWindows(claudeDirectory),
        environment: Object.keys(process.env).sort(),
        sandbox: sandboxParameters(process.env["PARHELIA_SANDBOX"]),
        claudeCodeVersion,
      });
      if (isCommitted) commitVolume();
      return taken;
    });
    return { ok: true, ...written, durationMs: durationMs(), error: null, isTooEarly };
  } catch (error) {
    const id = session === "" ? null : (latestId(places) ?? null);
    const text = error instanceof Error ? error.message : String(error);
    const failed = { ok: false, id, unchanged: false, bytes: 0, error: text, isTooEarly };
    return { ...failed, durationMs: durationMs() };
  }
}

function sandboxParameters(json: string | undefined): Readonly<Record<string, unknown>> | null {
  try {
    return JSON.parse(json ?? "null") as Readonly<Record<string, unknown>> | null;
  } catch {
    return null;
  }
}

function claudeCodeVersion(): string | null {
  try {
    const output = execFileSync("claude", ["--version"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
    });
    return output.trim().split(" ")[0] ?? null;
  } catch {
    return null;
  }
}

/** Where the sandbox lets it: the session's own work goes before. */
function giveWay(): void {
  try {
    setPriority(LOWEST_PRIORITY);
    const pid = String(process.pid);
    execFileSync("ionice", ["-c", "2", "-n", "7", "-p", pid], { stdio: "ignore" });
  } catch {
    // Then it is one process among others.
  }
}
