import { readdirSync, readFileSync } from "node:fs";

/** The command lines of the Claude Codes that run in the sandbox, each with the program first. */
export function claudeCommandLines(): string[][] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .filter(([program = ""]) => /(^|\/)claude$/.test(program));
}

/** Empty for a process that has ended. */
export function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
