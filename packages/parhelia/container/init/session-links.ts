import { lstatSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { replaceWithLink } from "./home-link.ts";

/**
 * Makes the entries of one directory available in another, each as a link, whole directories included: so
 * it costs the same for five files as for five thousand. An entry that the session made itself stays, and
 * a link to an entry that is gone is removed.
 * @param isLinked whether an entry is one to link
 */
export function linkEntries(from: string, to: string, isLinked: (entry: string) => boolean): void {
  const shared = new Set(readdirSync(from).filter(isLinked));
  for (const entry of shared) {
    const link = join(to, entry);
    const own = lstatSync(link, { throwIfNoEntry: false });
    if (own?.isSymbolicLink() === true && readlinkSync(link) === join(from, entry)) continue;
    if (own === undefined || own.isSymbolicLink()) replaceWithLink(link, join(from, entry));
  }
  for (const entry of readdirSync(to, { withFileTypes: true })) {
    if (!entry.isSymbolicLink() || shared.has(entry.name)) continue;
    const link = join(to, entry.name);
    if (readlinkSync(link) === join(from, entry.name)) rmSync(link);
  }
}

/**
 * What Claude Code 2.1.330 itself writes below its configuration directory, besides what `mergeFiles` and
 * `.claude.json` are about: state of a session, of an account or of a machine. None of it is shared, should
 * it ever get onto the volume.
 */
const STATE: ReadonlySet<string> = new Set([
  "active-time.json",
  "agent-memory",
  "antproto.json",
  "api-dumps",
  "backups",
  "bridge-spawn",
  "cache",
  "ccr",
  "chrome",
  "computer-use.lock",
  "daemon",
  "daemon.json",
  "debug",
  "downloads",
  "dump-prompts",
  "feedback",
  "feedback-bundles",
  "file-history",
  "file-transfers",
  "gh-pr-status-cache.json",
  "history.jsonl",
  "ide",
  "image-cache",
  "jobs",
  "local",
  "local-settings",
  "logs",
  "loop.md",
  "mcp-discovery-cache",
  "mcp-needs-auth-cache.json",
  "mcp-skill-archives",
  "paste-cache",
  "plans",
  "policy-limits.json",
  "project-settings",
  "projects",
  "remote",
  "remote-control",
  "remote-settings.json",
  "scheduled_tasks.json",
  "scratch",
  "server-sessions.json",
  "server.lock",
  "session-env",
  "sessions",
  "shares",
  "shell-snapshots",
  "startup-perf",
  "state",
  "stats-cache.json",
  "statsig",
  "storage-v2",
  "tasks",
  "teams",
  "telemetry",
  "todos",
  "traces",
  "uploads",
  "usage-data",
]);

/** Whether an entry of the shared configuration is one that Claude Code only reads. Dot files are state, too. */
export function isReadMostly(entry: string): boolean {
  return !STATE.has(entry) && !entry.startsWith(".");
}
