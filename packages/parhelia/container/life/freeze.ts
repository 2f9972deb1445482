import { readdirSync, readFileSync, statSync } from "node:fs";
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

/** The user's processes, stopped. */
export interface Frozen {
  /** Lets them go on. */
  thaw(): void;
}

/**
 * Stops (SIGSTOP) what the session's user runs: what a checkpoint then finds is all that there was. tmux goes
 * on, which the checkpoint asks for its windows.
 */
export function freezeSession(): Frozen {
  const stopped = new Set<number>();
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const found = usersProcesses().filter((pid) => !stopped.has(pid));
    if (found.length === 0) break;
    for (const pid of found) {
      send(pid, "SIGSTOP");
      stopped.add(pid);
    }
  }
  return {
    thaw: () => {
      for (const pid of stopped) send(pid, "SIGCONT");
    },
  };
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
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    const isHelper =
      stat.slice(stat.indexOf("(") + 1, end).startsWith("tmux") ||
      words.some((word) => word.startsWith(OUR_SCRIPTS));
    return {
      pid,
      parent: Number(stat.slice(end + 2).split(" ")[1]),
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

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}
