import { globSync, statSync } from "node:fs";
import { claudeCommandLines, commandLine } from "../claude-processes.ts";
import type { Ending } from "../init/ending.ts";
import type { Environment } from "../init/session-environment.ts";
import { sweepExecRecords } from "../init/supervise.ts";
import type { Activity } from "../protocol/activity.ts";
import { ACTIVITY_FILE, ATTACH_PROGRAM, EXEC_DIR, SESSION_CLAUDE_DIR } from "../protocol/paths.ts";
import { writeLog } from "../log.ts";
import { writeFileAtomically } from "../write-file.ts";
import { askTmux } from "./ask-tmux.ts";

/** Looks are this far apart, or a quarter of a shorter time without activity: `parhelia ls` shows what they saw. */
const LOOK_INTERVAL_MS = 10_000;

/** How Claude Code is told to work without a person. */
const HEADLESS = new Set(["-p", "--print"]);

export interface IdleOptions {
  /** How long nothing may happen; undefined: any time. */
  readonly idleMs: number | undefined;
  readonly environment: Environment;
  readonly ending: Pick<Ending, "endIfSaved">;
}

/**
 * Looks for activity in the session: keys and output at a terminal, a turn of Claude Code, a command from
 * outside. Ends the sandbox when there was none for a time; a session that cannot be saved goes on.
 */
export function watchActivity({ idleMs, environment, ending }: IdleOptions): void {
  let activeAtMs = Date.now();
  let isLooking = false;
  recordActivity({ lookedAtMs: activeAtMs, activeAtMs });
  const look = async () => {
    const seenAtMs = isAtWork() ? Date.now() : await lastActivityMs(environment);
    activeAtMs = Math.max(activeAtMs, seenAtMs);
    recordActivity({ lookedAtMs: Date.now(), activeAtMs });
    if (idleMs === undefined || Date.now() - activeAtMs < idleMs) return;
    writeLog(`parhelia-init idle for ${Math.round((Date.now() - activeAtMs) / 1_000)} s`);
    await ending.endIfSaved("idle");
  };
  setInterval(
    () => {
      if (isLooking) return;
      isLooking = true;
      void look()
        .catch((error: unknown) => {
          writeLog(`parhelia-init could not look for activity: ${String(error)}`);
        })
        .finally(() => (isLooking = false));
    },
    idleMs === undefined ? LOOK_INTERVAL_MS : Math.min(LOOK_INTERVAL_MS, idleMs / 4),
  );
}

/** Only `parhelia ls` reads it: a full disk is no reason to let the session live on. */
function recordActivity(activity: Activity): void {
  try {
    writeFileAtomically(ACTIVITY_FILE, JSON.stringify(activity), { mode: 0o644 });
  } catch (error) {
    writeLog(`parhelia-init could not record activity: ${String(error)}`);
  }
}

/** Whether something runs that is never idle: a command from outside, or a headless turn. */
function isAtWork(): boolean {
  return sweepExecRecords(EXEC_DIR).some((pid) => !isAttachment(pid)) || hasHeadlessTurn();
}

/** A terminal that shows the session: what counts is what happens there. */
function isAttachment(pid: number): boolean {
  return commandLine(`${pid}`).includes(ATTACH_PROGRAM);
}

function hasHeadlessTurn(): boolean {
  return claudeCommandLines().some((words) => words.some((word) => HEADLESS.has(word)));
}

/** When something last happened at a terminal of the session, or in a conversation. */
async function lastActivityMs(environment: Environment): Promise<number> {
  const [windows, clients] = await Promise.all([
    askTmux(["list-windows", "-a", "-F", "#{window_activity}"], environment),
    askTmux(["list-clients", "-F", "#{client_activity}"], environment),
  ]);
  const terminals = [...windows, ...clients].map((seconds) => Number(seconds) * 1_000);
  return Math.max(0, ...terminals, ...conversationTimes(environment));
}

function conversationTimes({ CLAUDE_CONFIG_DIR }: Environment): number[] {
  const cwd = CLAUDE_CONFIG_DIR ?? SESSION_CLAUDE_DIR;
  return globSync("projects/**/*.jsonl", { cwd }).map(
    (path) => statSync(`${cwd}/${path}`, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
}
