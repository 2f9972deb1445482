import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CONTAINER_BUNDLE, MCP_LAUNCHER_BUNDLE, SANDBOX_USER } from "../protocol/paths.ts";

/** Programs that help to end the session go on, with what they started; of Parhelia's scripts only they. */
const OUR_BUNDLES: readonly string[] = [CONTAINER_BUNDLE, MCP_LAUNCHER_BUNDLE];
const OUR_SCRIPTS = "/usr/local/bin/parhelia-";

/** parhelia-exec becomes it, and it the program, as the user already for a moment. */
const SETPRIV = "/usr/bin/setpriv";

/** Where in a command line the program stands: after Bun and what it is told. */
const PROGRAM_WORDS = 6;

/** Processes start others while they are being stopped; those are found in the next look. */
const MAX_LOOKS = 5;

/**
 * A thread in the middle of a write stops only after it, which a slow disk draws out. Longer is not waited: what
 * tmux wakes may be busy for ever.
 */
const MAX_STANDSTILL_MS = 1_000;
const LOOK_INTERVAL_MS = 5;

/** States of a thread that is at work: on a CPU or waiting for one, and in an uninterruptible wait, mostly for a disk. */
const AT_WORK = "RD";

/** The user's processes, stopped. */
export interface Frozen {
  /** Lets them go on. */
  thaw(): void;
}

/**
 * Stops (SIGSTOP) what the session's user runs, and waits until it stands still: what a checkpoint then finds is
 * all that there was. tmux goes on, which the checkpoint asks for its windows, and which wakes what it started.
 */
export async function freezeSession(): Promise<Frozen> {
  const stopped = new Set<number>();
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const found = usersProcesses().filter((pid) => !stopped.has(pid));
    if (found.length === 0) break;
    for (const pid of found) {
      send(pid, "SIGSTOP");
      stopped.add(pid);
    }
  }
  const deadline = performance.now() + MAX_STANDSTILL_MS;
  while (performance.now() < deadline && [...stopped].some(isAtWork)) await sleep(LOOK_INTERVAL_MS);
  return {
    thaw: () => {
      for (const pid of stopped) send(pid, "SIGCONT");
    },
  };
}

/** Whether a thread of it has not come to the signal yet. */
function isAtWork(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.some((thread) => AT_WORK.includes(readStat(`${pid}/task/${thread}`).state));
  } catch {
    return false; // it has just ended
  }
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly kind: "bundle" | "helper" | "users";
}

function usersProcesses(): number[] {
  const processes = new Map(
    readdirSync("/proc").flatMap((name) => {
      const found = /^\d+$/.test(name) ? look(Number(name)) : undefined;
      return found === undefined ? [] : [[found.pid, found] as const];
    }),
  );
  const belongsToBundle = ({ kind, parent }: Process): boolean => {
    const above = processes.get(parent);
    return kind === "bundle" || (above !== undefined && belongsToBundle(above));
  };
  return [...processes.values()]
    .filter((found) => found.kind === "users" && !belongsToBundle(found))
    .map(({ pid }) => pid);
}

/** Undefined for another user's process, and for one that has just ended. */
function look(pid: number): Process | undefined {
  try {
    if (statSync(`/proc/${pid}`).uid !== SANDBOX_USER.uid) return undefined;
    const all = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const programAt = all[0] === SETPRIV ? all.indexOf("--") + 1 : 0;
    const words = all.slice(programAt, programAt + PROGRAM_WORDS);
    const { name, parent } = readStat(String(pid));
    const isHelper = name.startsWith("tmux") || words.some((word) => word.startsWith(OUR_SCRIPTS));
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
function readStat(task: string): { name: string; state: string; parent: number } {
  const stat = readFileSync(`/proc/${task}/stat`, "utf8");
  const end = stat.lastIndexOf(")");
  const [state = "", parent] = stat.slice(end + 2).split(" ");
  return { name: stat.slice(stat.indexOf("(") + 1, end), state, parent: Number(parent) };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}
