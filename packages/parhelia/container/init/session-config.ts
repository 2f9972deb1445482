import { existsSync, lchownSync, mkdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { User } from "./as-user.ts";
import { asUser } from "./as-user.ts";
import { answerFirstStart } from "./claude-json.ts";
import { withClaudeLock } from "./claude-lock.ts";
import { readJsonObject, writeJsonObject } from "./json-file.ts";
import { isTelemetryVariable } from "../metrics/settings.ts";
import type { JsonObject } from "./merge-json.ts";
import { asObject, isObject, isSame, mergeJson } from "./merge-json.ts";
import type { Environment } from "./session-environment.ts";
import { isReadMostly, linkEntries } from "./session-links.ts";

export interface SessionConfigOptions {
  /** The shared configuration, on the volume. */
  readonly from: string;
  /** The session's own directory; its parent exists, and belongs to nobody but root. */
  readonly to: string;
  readonly owner: User;
  /** The Anthropic API key, if the sandbox has one. Its tail, by which Claude Code knows it, is stored. */
  readonly apiKey: string | undefined;
  /** Directories whose trust dialog is answered. */
  readonly trusted: readonly string[];
  /** Variables that `env` of the user's settings must not override: those of the sandbox and of `remote.env`. */
  readonly overriding: ReadonlySet<string>;
  /** Where Claude Code sends its events, for users who have no collector of their own. */
  readonly telemetry: Environment;
}

const SETTINGS = "settings.json";
const PLUGINS = "plugins";
const REGISTRIES = [`${PLUGINS}/installed_plugins.json`, `${PLUGINS}/known_marketplaces.json`];
const CLAUDE_JSON = ".claude.json";

/** Claude Code writes these, too: each session has its own, made from what the volume brings. */
const PRIVATE_FILES = [SETTINGS, ...REGISTRIES];

/** Parhelia's own description of MCP servers: Claude Code does not read it. */
const MCP_CONFIG = "mcp_config.json";

const NOT_LINKED = new Set([SETTINGS, PLUGINS, MCP_CONFIG]);

/** Plugins that a session installs itself, and what plugins keep, are the session's. */
const PLUGIN_STATE = new Set([
  "cache",
  "data",
  "marketplaces",
  "store",
  ...REGISTRIES.map((name) => basename(name)),
]);

/** What the volume brought last time: tells the session's changes from the volume's. */
const BASE = ".parhelia-base.json";

const WHY_IT_MATTERS =
  "Claude Code would run without what it says, permission rules included; mend it or move it away";

/**
 * What a user is not asked in a sandbox of their own: whether to skip permissions there, and whether to use
 * the MCP servers of a project that they work on. Their own settings come before these.
 */
const DEFAULT_SETTINGS: JsonObject = {
  skipDangerousModePermissionPrompt: true,
  enableAllProjectMcpServers: true,
};

/**
 * Assembles the session's own `CLAUDE_CONFIG_DIR` (decision D7): links to what Claude Code only reads, and
 * private files where it writes. Those are merged from what the volume brings and what the session changed,
 * so that it can be done again at any time, in a sandbox at work, when the volume has changed.
 * @returns the private files that changed, by their path below the configuration.
 * @throws StepError naming a file that is not valid JSON: of the volume's, before anything is changed.
 */
export function assembleSessionConfig(options: SessionConfigOptions): string[] {
  const { from, to, owner } = options;
  mkdirSync(to, { recursive: true, mode: 0o700 });
  lchownSync(to, owner.uid, owner.gid);
  return asUser(owner, () => {
    const base = readBase(to);
    const brought = readBrought(options, base);
    mkdirSync(join(to, PLUGINS), { recursive: true, mode: 0o700 });
    const changed = PRIVATE_FILES.filter((name) =>
      updateFile(to, name, (own) =>
        own === undefined
          ? brought.files[name]
          : mergeJson(base.files[name], brought.files[name], own),
      ),
    );
    const updated = updateFile(to, CLAUDE_JSON, (own) => ({
      ...answerFirstStart(own ?? {}, options),
      mcpServers:
        own === undefined
          ? brought.mcpServers
          : mergeJson(base.mcpServers, brought.mcpServers, own["mcpServers"]),
    }));
    if (updated) changed.push(CLAUDE_JSON);
    linkEntries(from, to, (entry) => isReadMostly(entry) && !NOT_LINKED.has(entry));
    const plugins = join(from, PLUGINS);
    if (existsSync(plugins)) {
      linkEntries(plugins, join(to, PLUGINS), (entry) => !PLUGIN_STATE.has(entry));
    }
    writeJsonObject(join(to, BASE), { ...brought });
    return changed;
  });
}

/** What the volume brings to a session's private files. */
interface Brought {
  /** By their path below the configuration; those that the volume has. */
  readonly files: JsonObject;
  readonly mcpServers: JsonObject;
}

/** Nothing when there is no such record, or none that can be read: then all that differs is the session's. */
function readBase(to: string): Brought {
  let base: JsonObject = {};
  try {
    base = readJsonObject(join(to, BASE), "") ?? {};
  } catch {
    // The session's user can write it, too.
  }
  return { files: asObject(base["files"]), mcpServers: asObject(base["mcpServers"]) };
}

function readBrought(
  { from, overriding, telemetry }: SessionConfigOptions,
  base: Brought,
): Brought {
  const read = (name: string) => readJsonObject(join(from, name), WHY_IT_MATTERS);
  const files: Record<string, unknown> = {};
  for (const name of REGISTRIES) {
    const content = read(name);
    if (content !== undefined) files[name] = content;
  }
  files[SETTINGS] = sessionSettings(read(SETTINGS) ?? {}, overriding, telemetry);
  return { files, mcpServers: readMcpServers(join(from, MCP_CONFIG)) ?? base.mcpServers };
}

/**
 * The user's settings as they hold in a sandbox. Claude Code lets `env` of its settings override the
 * environment it is started in: a variable that the sandbox or `remote.env` sets is taken out of it.
 */
function sessionSettings(
  user: JsonObject,
  overriding: ReadonlySet<string>,
  telemetry: Environment,
): JsonObject {
  const settings = { ...DEFAULT_SETTINGS, ...user };
  const own = asObject(user["env"]);
  const hasCollector = [...Object.keys(own), ...overriding].some(isTelemetryVariable);
  const env = Object.entries({ ...(hasCollector ? {} : telemetry), ...own });
  if (env.length === 0) return settings;
  return { ...settings, env: Object.fromEntries(env.filter(([name]) => !overriding.has(name))) };
}

/** Undefined when the file is broken: the MCP launcher reports that, and the session keeps what it had. */
function readMcpServers(file: string): JsonObject | undefined {
  try {
    const servers = Object.entries(asObject(readJsonObject(file, "")?.["mcpServers"]));
    return Object.fromEntries(servers.map(([name, server]) => [name, forClaudeCode(server)]));
  } catch {
    return undefined;
  }
}

/** What Claude Code has no use for: when to start a server, and how to start one that it reaches over HTTP. */
const OF_LAUNCHER = new Set(["start", "timeoutMs"]);
const OF_LAUNCHER_OVER_HTTP = new Set([...OF_LAUNCHER, "command", "args", "env", "cwd"]);

function forClaudeCode(server: unknown): unknown {
  if (!isObject(server)) return server;
  const isHttp = server["type"] === "http" || server["type"] === "sse";
  const left = isHttp ? OF_LAUNCHER_OVER_HTTP : OF_LAUNCHER;
  return Object.fromEntries(Object.entries(server).filter(([key]) => !left.has(key)));
}

/** @returns whether the content changed; undefined as the new content removes the file. */
function updateFile(
  to: string,
  name: string,
  update: (own: JsonObject | undefined) => unknown,
): boolean {
  const file = join(to, name);
  return withClaudeLock(file, () => {
    const own = readJsonObject(file, WHY_IT_MATTERS);
    const content = update(own);
    if (isSame(content, own)) return false;
    if (isObject(content)) writeJsonObject(file, content);
    else rmSync(file);
    return true;
  });
}
