import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { listWindows } from "../checkpoint/windows.ts";
import type { CheckpointWindow } from "../protocol/checkpoint.ts";
import {
  CONTAINER_BUNDLE,
  MCP_LAUNCHER_BUNDLE,
  SANDBOX_USER,
  SESSION_CLAUDE_DIR,
} from "../protocol/paths.ts";

/** Programs that help to end the session go on, with what they started; of Parhelia's scripts only they. */
const OUR_BUNDLES: readonly string[] = [CONTAINER_BUNDLE, MCP_LAUNCHER_BUNDLE];
const OUR_SCRIPTS = "/usr/local/bin/parhelia-";

/** parhelia-exec becomes it, and it the program, as the user already for a moment. */
const SETPRIV = "/usr/bin/setpriv";

/** Where in a command line the program stands: after Bun and what it is told. */
const PROGRAM_WORDS = 6;

/** Processes start others while they are being stopped; those are found in the next look. */
const MAX_LOOKS = 5;

/** A thread in the middle of a write stops only after it, which a slow disk draws out. Longer is not waited. */
const MAX_STANDSTILL_MS = 1_000;
const LOOK_INTERVAL_MS = 1;

/** States of a thread that does nothing any more: stopped, or ended. */
const STANDING_STILL = "TtZX";

/** The user's processes, stopped. */
export interface Frozen {
  /** Of tmux, which cannot be asked any more; undefined where it has not answered before, either. */
  readonly windows: readonly CheckpointWindow[] | undefined;
  /** Lets them go on. */
  thaw(): void;
}

/**
 * Stops (SIGSTOP) what the session's user runs, and waits until it stands still: what a checkpoint then finds is
 * all that there was. A process is stopped before those that it started, and goes on after them: a shell would take
 * its command for suspended, and tmux would wake what it sees stopped.
 */
export async function freezeSession(): Promise<Frozen> {
  const windows = listWindows(process.env["CLAUDE_CONFIG_DIR"] ?? SESSION_CLAUDE_DIR);
  const stopped = new Set<number>();
  const deadline = performance.now() + MAX_STANDSTILL_MS;
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const found = usersProcesses().filter((pid) => !stopped.has(pid));
    if (found.length === 0) break;
    for (const pid of found) {
      send(pid, "SIGSTOP");
      stopped.add(pid);
      while (performance.now() < deadline && !standsStill(pid)) await sleep(LOOK_INTERVAL_MS);
    }
  }
  return {
    windows,
    thaw: () => {
      for (const pid of [...stopped].reverse()) send(pid, "SIGCONT");
    },
  };
}

/** Whether each of its threads has come to the signal. */
function standsStill(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) =>
      STANDING_STILL.includes(readStat(`${pid}/task/${thread}`).state),
    );
  } catch {
    return true; // it has just ended
  }
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly kind: "bundle" | "helper" | "users";
}

/** Each before those that it started. */
function usersProcesses(): number[] {
  const processes = new Map(
    readdirSync("/proc").flatMap((name) => {
      const found = /^\d+$/.test(name) ? look(Number(name)) : undefined;
      return found === undefined ? [] : [[found.pid, found] as const];
    }),
  );
  const withThoseAbove = (found: Process): Process[] => {
    const above = processes.get(found.parent);
    return above === undefined ? [found] : [found, ...withThoseAbove(above)];
  };
  return [...processes.values()]
    .map((found) => ({ found, line: withThoseAbove(found) }))
    .filter(({ found, line }) => found.kind === "users" && !line.some(isBundle))
    .sort((one, other) => one.line.length - other.line.length)
    .map(({ found }) => found.pid);
}

const isBundle = ({ kind }: Process) => kind === "bundle";

/** Undefined for another user's process, and for one that has just ended. */
function look(pid: number): Process | undefined {
  try {
    if (statSync(`/proc/${pid}`).uid !== SANDBOX_USER.uid) return undefined;
    const all = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const programAt = all[0] === SETPRIV ? all.indexOf("--") + 1 : 0;
    const words = all.slice(programAt, programAt + PROGRAM_WORDS);
    const { parent } = readStat(String(pid));
    const isHelper = words.some((word) => word.startsWith(OUR_SCRIPTS));
    return {
      pid,
      parent,
      kind: words.some((word) => OUR_BUNDLES.includes(word))
        ? "bundle"
        : isHelper
          ? "helper"
          : "users",
    };
  } catch {
    return undefined;
  }
}

/** @param task a process, or `PROCESS/task/THREAD` */
function readStat(task: string): { state: string; parent: number } {
  const stat = readFileSync(`/proc/${task}/stat`, "utf8");
  const [state = "", parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state, parent: Number(parent) };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}
