import { isDeepStrictEqual } from "node:util";
import type { JsonObject } from "../layers/layer4-runtime-config/json-file.ts";
import type { SyncItem } from "../layers/sync-tree.ts";
import type { McpServerStatus } from "../sandbox/mcp-status.ts";
import type { ClaudeView } from "./claude-view.ts";

/** What can explain a difference: all that is known besides the two views. */
export interface Evidence {
  /** Name of the session. */
  readonly session: string;
  readonly here: ClaudeView;
  readonly there: ClaudeView;
  /** What a sync makes of the user's configuration as it is now. */
  readonly plan: readonly SyncItem[];
  /** Whether a sync has ever brought anything to the volume. */
  readonly isSynced: boolean;
  /** What the next sync would send or remove: paths from the volume's root. */
  readonly unsynced: readonly string[];
  /** What the last sync changed and the session's sandbox has not loaded: paths from the volume's root. */
  readonly unloaded: readonly string[];
  /** Names of servers that `mcp_config.json` has otherwise on the volume than the last sync brought. */
  readonly editedServers: readonly string[];
  readonly changes: SessionChanges;
  /** The sandbox's MCP servers, asked one by one; empty when none differs. */
  readonly servers: readonly McpServerStatus[];
  /** Names of variables for Claude Code that are otherwise, or not at all, on the other side. */
  readonly variables: readonly string[];
  /** Where `here` looked: the user's working directory. */
  readonly cwd: string;
  /** The same two, looked at where there is no project; undefined while nobody needed to know. */
  readonly withoutProject?: { readonly here: ClaudeView; readonly there: ClaudeView } | undefined;
}

/** Why something differs, and what to do about it. */
export interface Explanation {
  readonly cause: string;
  /** Undefined where there is nothing to do, or the cause says it. */
  readonly remedy?: string | undefined;
}

/** What a session changed in its own configuration, which a sync leaves alone (decision 0004). */
export interface SessionChanges {
  /** Keys of `settings.json`. */
  readonly settings: readonly string[];
  /** Names of MCP servers. */
  readonly servers: readonly string[];
  /** `plugin@marketplace` that was installed, removed, or switched on or off. */
  readonly plugins: readonly string[];
}

/** The keys whose values differ between two objects. */
export function changedKeys(before: JsonObject, after: JsonObject): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (key) => !isDeepStrictEqual(before[key], after[key]),
  );
}
