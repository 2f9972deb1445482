import { readFileSync } from "node:fs";

/** When a process started, in clock ticks since boot, or null when it is gone: ids are used again. */
export function processStart(pid: string): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
