import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ConfigurationFile, ConversationFile } from "../protocol/checkpoint.ts";

const PROJECTS = "projects";
const CONVERSATION = ".jsonl";
const CLAUDE_JSON = ".claude.json";

/** Where Claude Code 2.1.330 and Parhelia keep what a session changes; `.credentials.json` is not among it. */
const FILES = [
  CLAUDE_JSON,
  ".parhelia-base.json",
  "settings.json",
  "settings.local.json",
  "history.jsonl",
  "plugins/installed_plugins.json",
  "plugins/known_marketplaces.json",
];

/** The files in these are taken along up to a limit, the newest first. */
const DIRECTORIES = [
  "todos",
  "plans",
  "tasks",
  "teams",
  "agent-memory",
  "paste-cache",
  "file-history",
];

const DIRECTORIES_BYTES = 16 * 1024 * 1024;

/** What of `.claude.json` belongs to an account or a key, or is part of one. */
const OF_AN_ACCOUNT = new Set(["customApiKeyResponses", "oauthAccount", "primaryApiKey"]);

/** All below `projects/`: the conversations, those of sub-agents too, and what belongs to them. */
export function collectConversations(claudeDirectory: string): ConversationFile[] {
  return filesBelow(claudeDirectory, PROJECTS).flatMap((path): ConversationFile[] => {
    const file = readFile(claudeDirectory, path);
    if (file === undefined) return [];
    if (!path.endsWith(CONVERSATION)) return [{ ...file, sessionId: null }];
    const text = wholeLines(file.text ?? "");
    return [{ ...file, text, sessionId: sessionIdIn(text, path) }];
  });
}

/** The session's private configuration, without what is part of an account. */
export function collectConfiguration(claudeDirectory: string): ConfigurationFile[] {
  const files = FILES.flatMap((path) => readFile(claudeDirectory, path) ?? []);
  return [...files.map(withoutAccount), ...collectDirectories(claudeDirectory)];
}

/** What it may be called that a conversation is found by: `--resume ID`. */
export function isConversation(file: ConversationFile): boolean {
  return file.sessionId !== null;
}

function collectDirectories(claudeDirectory: string): ConfigurationFile[] {
  const newestFirst = DIRECTORIES.flatMap((name) => filesBelow(claudeDirectory, name))
    .map((path) => ({
      path,
      stats: statSync(join(claudeDirectory, path), { throwIfNoEntry: false }),
    }))
    .sort((one, other) => (other.stats?.mtimeMs ?? 0) - (one.stats?.mtimeMs ?? 0));
  let left = DIRECTORIES_BYTES;
  const taken = newestFirst.filter(({ stats }) => {
    const size = stats?.size ?? Number.POSITIVE_INFINITY;
    if (size > left) return false;
    left -= size;
    return true;
  });
  return taken
    .map(({ path }) => path)
    .sort()
    .flatMap((path) => readFile(claudeDirectory, path) ?? []);
}

/** Regular files, sorted; a link leads out of the session. */
function filesBelow(root: string, directory: string): string[] {
  try {
    return readdirSync(join(root, directory), { withFileTypes: true })
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .flatMap((entry) => {
        const path = `${directory}/${entry.name}`;
        if (entry.isDirectory()) return filesBelow(root, path);
        return entry.isFile() ? [path] : [];
      });
  } catch {
    return []; // not there, or not any more
  }
}

/** Undefined where it is not there, or cannot be read. */
function readFile(root: string, path: string): ConfigurationFile | undefined {
  try {
    const stats = statSync(join(root, path));
    const content = readFileSync(join(root, path));
    const file = { path, mode: stats.mode & 0o777, modifiedAtMs: Math.round(stats.mtimeMs) };
    const text = content.toString("utf8");
    const isText = Buffer.from(text).equals(content);
    return isText ? { ...file, text } : { ...file, base64: content.toString("base64") };
  } catch {
    return undefined;
  }
}

/** Without a last line that is being written. */
function wholeLines(text: string): string {
  const end = text.lastIndexOf("\n") + 1;
  const last = text.slice(end);
  return last === "" || isJson(last) ? text : text.slice(0, end);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function sessionIdIn(text: string, path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1, -CONVERSATION.length);
  return /"sessionId":"([\w-]+)"/.exec(text)?.[1] ?? name;
}

function withoutAccount(file: ConfigurationFile): ConfigurationFile {
  if (file.path !== CLAUDE_JSON) return file;
  try {
    const content = Object.entries(JSON.parse(file.text ?? "") as Record<string, unknown>);
    const kept = content.filter(([key]) => !OF_AN_ACCOUNT.has(key));
    return { ...file, text: `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n` };
  } catch {
    // What cannot be read cannot be cleaned either.
    return { ...file, text: "{}\n" };
  }
}
