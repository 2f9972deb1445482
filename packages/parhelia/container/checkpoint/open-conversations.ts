import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { processStart } from "../process-start.ts";

/** Where each running Claude Code 2.1.330 says what it is, by its process. */
const SESSIONS = "sessions";
const SUFFIX = ".json";

/** The conversations that Claude Code has open on terminals, by the processes that have them. */
export function openConversations(claudeDirectory: string): ReadonlyMap<number, string> {
  const directory = join(claudeDirectory, SESSIONS);
  return new Map(
    list(directory)
      .filter((name) => name.endsWith(SUFFIX))
      .flatMap((name) => openIn(join(directory, name))),
  );
}

/** The open conversation of a process or of one that it started; null where there is none. */
export function conversationBelow(open: ReadonlyMap<number, string>, root: number): string | null {
  for (const [pid, conversation] of open) if (isBelow(pid, root)) return conversation;
  return null;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function openIn(path: string): [number, string][] {
  try {
    const said = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, unknown>>;
    const { pid, sessionId, kind, procStart } = said;
    if (typeof pid !== "number" || typeof sessionId !== "string" || kind !== "interactive")
      return [];
    // Another process may have the number by now.
    return processStart(`${pid}`) === procStart ? [[pid, sessionId]] : [];
  } catch {
    return [];
  }
}

function isBelow(pid: number, root: number): boolean {
  for (let at = pid; at > 1; at = parentOf(at)) if (at === root) return true;
  return false;
}

/** 0 for a process that has ended. */
function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}
