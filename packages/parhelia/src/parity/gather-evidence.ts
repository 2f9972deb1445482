import { createHash } from "node:crypto";
import { SESSION_CLAUDE_DIR } from "../../container/protocol/paths.ts";
import { parseManifest, type SyncManifest } from "../../container/protocol/sync.ts";
import { isObject, type JsonObject } from "../layers/layer4-runtime-config/json-file.ts";
import type { CollectedConfiguration } from "../layers/sync-tree.ts";
import type { Connection } from "../modal/connection.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import { readVolumeFile } from "../modal/volume-files.ts";
import { runInSandbox } from "../sandbox/exec.ts";
import { differingFiles, manifestOf } from "../sandbox/sync-manifest.ts";
import { readManifest } from "../sandbox/sync-volume.ts";
import { CLAUDE_DIR, MCP_CONFIG_FILE, pathInVolume, SYNC_MANIFEST_FILE } from "../volume/layout.ts";
import { changedKeys, type Evidence, type SessionChanges } from "./evidence.ts";
import { differingVariables, type Variables } from "./variables.ts";

/** What is known before Claude Code is looked at. */
export type Facts = Pick<
  Evidence,
  "plan" | "isSynced" | "unsynced" | "unloaded" | "editedServers" | "changes" | "variables"
>;

export interface FactSources {
  readonly connection: Connection;
  readonly sandbox: Sandbox;
  readonly volumeName: string;
  readonly collected: CollectedConfiguration;
  /** What Claude Code is started in here. */
  readonly env: NodeJS.ProcessEnv;
}

/** Looks at the volume and into the session for what may explain a difference. Changes nothing. */
export async function gatherFacts(sources: FactSources): Promise<Facts> {
  const { connection, sandbox, collected } = sources;
  const volume = await connection.client.volumes.fromName(sources.volumeName);
  const [manifest, mcpConfig, session] = await Promise.all([
    readManifest(connection, volume),
    readVolumeFile(connection, volume, pathInVolume(MCP_CONFIG_FILE)),
    readSession(sandbox),
  ]);
  const { tree, plan } = collected;
  const jsonOf = (path: string) => parseObject(tree.get(pathInVolume(path))?.read().toString());
  return {
    plan: plan.items,
    isSynced: manifest !== undefined,
    unsynced: differingFiles(manifestOf(tree), manifest),
    unloaded: manifest === undefined ? [] : differingFiles(manifest, session.manifest),
    editedServers: isEdited(mcpConfig, manifest)
      ? changedKeys(
          objectAt(jsonOf(MCP_CONFIG_FILE), "mcpServers"),
          objectAt(parseObject(mcpConfig?.toString()), "mcpServers"),
        )
      : [],
    changes: session.changes,
    variables: differingVariables(
      { ...sources.env, ...variablesOf(jsonOf(`${CLAUDE_DIR}/settings.json`)) },
      { ...session.env, ...session.settingsEnv },
    ),
  };
}

/** Whether `mcp_config.json` is another than the last sync brought. */
function isEdited(content: Buffer | undefined, manifest: SyncManifest | undefined): boolean {
  if (content === undefined) return false;
  const sha256 = createHash("sha256").update(content).digest("hex");
  return manifest?.files[pathInVolume(MCP_CONFIG_FILE)]?.sha256 !== sha256;
}

interface SessionFacts {
  /** Of the last sync, as the sandbox sees the volume. */
  readonly manifest: SyncManifest | undefined;
  readonly changes: SessionChanges;
  /** The variables of the session's commands. Holds secrets' values: they go no further than a comparison. */
  readonly env: Readonly<Record<string, string>>;
  readonly settingsEnv: Variables;
}

/** In one command, each behind a NUL: a round trip is what costs time. */
const READ_FILES = 'for file; do cat "$file" 2>/dev/null; printf "\\0"; done; env -0';

const SETTINGS = "settings.json";
const PLUGINS = "plugins/installed_plugins.json";

async function readSession(sandbox: Sandbox): Promise<SessionFacts> {
  const own = [".parhelia-base.json", SETTINGS, PLUGINS, ".claude.json"];
  const files = [SYNC_MANIFEST_FILE, ...own.map((name) => `${SESSION_CLAUDE_DIR}/${name}`)];
  const { stdout } = await runInSandbox({ sandbox }, ["sh", "-c", READ_FILES, "sh", ...files]);
  const [manifest = "", base, settings, plugins, claudeJson, ...env] = stdout.split("\0");
  const brought = parseObject(base);
  const before = objectAt(brought, "files");
  const now = { settings: parseObject(settings), plugins: parseObject(plugins) };
  const changed = (key: string, file: keyof typeof now, name: string) =>
    changedKeys(objectAt(objectAt(before, name), key), objectAt(now[file], key));
  return {
    manifest: parseManifest(manifest),
    changes: {
      settings: changedKeys(objectAt(before, SETTINGS), now.settings),
      servers: changedKeys(
        objectAt(brought, "mcpServers"),
        objectAt(parseObject(claudeJson), "mcpServers"),
      ),
      plugins: [
        ...changed("enabledPlugins", "settings", SETTINGS),
        ...changed("plugins", "plugins", PLUGINS),
      ],
    },
    env: Object.fromEntries(env.filter((line) => line.includes("=")).map(splitVariable)),
    settingsEnv: variablesOf(now.settings),
  };
}

function splitVariable(line: string): [string, string] {
  const end = line.indexOf("=");
  return [line.slice(0, end), line.slice(end + 1)];
}

/** An empty one for what is missing or no object: it then explains nothing. */
function parseObject(text: string | undefined): JsonObject {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isObject(value) ? value : {};
}

function variablesOf(settings: JsonObject): Variables {
  return objectAt(settings, "env") as Variables;
}
