/** Directories of a Claude configuration that a person fills: sent whole. */
export const CONFIG_DIRECTORIES = [
  "agents",
  "commands",
  "hooks",
  "output-styles",
  "rules",
  "skills",
  "themes",
  "workflows",
] as const;

/** Files of a Claude configuration that a person writes, besides `settings.json` and `CLAUDE.md`. */
export const CONFIG_FILES = ["keybindings.json"] as const;

/** What the sync reads and writes anew: never sent as it is. */
const READ_ENTRIES = new Set(["CLAUDE.md", "mcp_config.json", "plugins", "settings.json"]);

/** What Claude Code keeps for itself: conversations, history, credentials, caches, identities. */
const STATE_ENTRIES = new Set(
  [
    "active-time.json agent-memory antproto.json api-dumps backups bridge-spawn cache ccr chrome cowork_plugins",
    "daemon daemon.json debug downloads dump-prompts feedback feedback-bundles file-history file-transfers",
    "gh-pr-status-cache.json hfi-auth.json history.jsonl ide image-cache jobs local local-settings logs",
    "mcp-discovery-cache mcp-needs-auth-cache.json mcp-skill-archives paste-cache plans",
    "policy-limits.json project-settings projects remote remote-control remote-settings.json scheduled_tasks.json scratch",
    "seed-admin server-sessions.json server.lock session-env sessions shares shell-snapshots startup-perf",
    "state stats-cache.json statsig storage-v2 systemd tasks teams telemetry todos traces uploads usage-data",
    "computer-use.lock .config.json .credentials.json .last-cleanup .session_ingress_token",
  ]
    .join(" ")
    .split(" "),
);

/** Whether an entry of the configuration directory is Claude Code's own state, never sent. */
export function isStateEntry(name: string): boolean {
  return STATE_ENTRIES.has(name) || name.startsWith(".claude.json");
}

/** Whether an entry has its place in the sync: sent, or read. */
export function isConfigEntry(name: string): boolean {
  const sent: readonly string[] = [...CONFIG_DIRECTORIES, ...CONFIG_FILES];
  return READ_ENTRIES.has(name) || sent.includes(name);
}
