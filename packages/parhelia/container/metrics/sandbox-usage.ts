import { readdirSync, readFileSync, statfsSync } from "node:fs";

/** What the sandbox has used, and may use. */
export interface SandboxUsage {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** Undefined where there is none. */
  readonly memoryLimitBytes: number | undefined;
  /** Of the root file system; volumes do not count. */
  readonly diskUsedBytes: number;
  readonly diskBytes: number;
}

const CGROUP = "/sys/fs/cgroup";

/** Larger than any memory: how a control group of version 1 spells "none". */
const NO_LIMIT_BYTES = 2 ** 60;

/** Clock ticks of `/proc/PID/stat` in a second, on every Linux that Bun runs on. */
const TICKS_PER_SECOND = 100;

const PAGE_BYTES = 4_096;

/** The sandbox's use of the machine: of its control group, version 2 or 1, else the sum of its processes. */
export function sandboxUsage(): SandboxUsage {
  const { blocks, bfree, bsize } = statfsSync("/");
  const limit = number(`${CGROUP}/memory.max`) ?? number(`${CGROUP}/memory/memory.limit_in_bytes`);
  return {
    cpuSeconds: cpuSeconds() ?? sumOfProcesses(({ cpuTicks }) => cpuTicks / TICKS_PER_SECOND),
    memoryBytes:
      number(`${CGROUP}/memory.current`) ??
      number(`${CGROUP}/memory/memory.usage_in_bytes`) ??
      sumOfProcesses(({ residentPages }) => residentPages * PAGE_BYTES),
    memoryLimitBytes: limit !== undefined && limit < NO_LIMIT_BYTES ? limit : undefined,
    diskUsedBytes: (blocks - bfree) * bsize,
    diskBytes: blocks * bsize,
  };
}

function cpuSeconds(): number | undefined {
  const microseconds = /^usage_usec (\d+)$/m.exec(text(`${CGROUP}/cpu.stat`) ?? "")?.[1];
  if (microseconds !== undefined) return Number(microseconds) / 1e6;
  const nanoseconds = number(`${CGROUP}/cpuacct/cpuacct.usage`);
  return nanoseconds === undefined ? undefined : nanoseconds / 1e9;
}

interface ProcessUsage {
  readonly cpuTicks: number;
  readonly residentPages: number;
}

function sumOfProcesses(measure: (usage: ProcessUsage) => number): number {
  const names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return names.reduce((sum, pid) => sum + measure(processUsage(pid)), 0);
}

/** Nothing for a process that has just ended. The name in brackets may hold spaces. */
function processUsage(pid: string): ProcessUsage {
  const stat = text(`/proc/${pid}/stat`) ?? "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (index: number) => Number(fields[index] ?? 0);
  return { cpuTicks: field(11) + field(12), residentPages: field(21) };
}

function number(path: string): number | undefined {
  const content = text(path)?.trim() ?? "";
  return /^\d+$/.test(content) ? Number(content) : undefined;
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
