/**
 * The structure of the Parhelia volume (SPEC-01.12 and "Volume Structure"). This file alone spells the
 * mount point; it imports nothing, so that the program inside the sandbox can share it.
 */

/** Where every sandbox mounts the Parhelia volume (SPEC-01.12). */
export const VOLUME_ROOT = "/vol/parhelia";

/** User configuration, read-mostly: owned by root, written only by a sync. */
export const CONFIG_DIR = `${VOLUME_ROOT}/config`;

/** The contents of `~/.claude`, which links here (SPEC-01.13 step 1, SPEC-01.AC6). */
export const CLAUDE_DIR = `${CONFIG_DIR}/claude`;

/** The MCP servers that the user configured: the input of the MCP launcher (SPEC-01.13 step 3). */
export const MCP_CONFIG_FILE = `${CLAUDE_DIR}/mcp_config.json`;

/** Scripts that the user's settings name from elsewhere in the home directory. */
export const HOME_FILES_DIR = `${CLAUDE_DIR}/from-home`;

/** Claude Code's registries of plugins and marketplaces, with the volume's paths. */
export const PLUGIN_REGISTRY_DIR = `${CLAUDE_DIR}/plugins`;

/** Overrides for the remote environment. */
export const ENV_DIR = `${CONFIG_DIR}/env`;

/** KEY=VALUE lines for every session (SPEC-01 "Remote Environment Config"). */
export const REMOTE_ENV_FILE = `${ENV_DIR}/remote.env`;

/** What syncs keep for themselves. */
export const SYNC_DIR = `${CONFIG_DIR}/.sync`;

/** What the last sync brought: `SyncManifest` as JSON. */
export const SYNC_MANIFEST_FILE = `${SYNC_DIR}/manifest.json`;

/** Where plugins come from, for the batch task that clones them: `PluginSource[]` as JSON. */
export const PLUGIN_SOURCES_FILE = `${SYNC_DIR}/plugin-sources.json`;

/** There only while a sync that is committed is being put in place. */
export const SYNC_COMMITTED_DIR = `${SYNC_DIR}/committed`;

/** There exactly while the volume has all that the sync with this digest brought: seen without reading. */
export function syncCompleteFile(digest: string): string {
  return `${SYNC_DIR}/complete-${digest}`;
}

/** Cloned plugin repositories, read-mostly like the configuration. */
export const PLUGINS_DIR = `${VOLUME_ROOT}/plugins`;

/** Marketplaces of plugins, one directory each. */
export const MARKETPLACES_DIR = `${PLUGINS_DIR}/marketplaces`;

/** Installed plugins: MARKETPLACE/PLUGIN/VERSION. */
export const PLUGIN_CACHE_DIR = `${PLUGINS_DIR}/cache`;

/** Session states, one directory a session, owned by the sandbox's user. */
export const CHECKPOINTS_DIR = `${VOLUME_ROOT}/checkpoints`;

/** Project trees, owned by the sandbox's user: where sessions work. */
export const WORKSPACES_DIR = `${VOLUME_ROOT}/workspaces`;

/** A path of the volume without its mount point: `config/claude/CLAUDE.md`. */
export function pathInVolume(path: string): string {
  return path.slice(VOLUME_ROOT.length + 1);
}

/** The directory of one plugin repository. The name must be one path segment. */
export function pluginDir(pluginName: string): string {
  return `${PLUGINS_DIR}/${pluginName}`;
}

/** The directory of one session's checkpoint. The id must be one path segment. */
export function checkpointDir(sessionId: string): string {
  return `${CHECKPOINTS_DIR}/${sessionId}`;
}

/** The checkpoints of a session, one directory each: `history/{id}`. */
export function checkpointHistoryDir(sessionId: string): string {
  return `${checkpointDir(sessionId)}/history`;
}

/** The link to the latest checkpoint of a session: replacing it commits a checkpoint. */
export function latestCheckpointLink(sessionId: string): string {
  return `${checkpointDir(sessionId)}/latest`;
}

/** There once the session was removed for good: its checkpoints may go, too. */
export function removedSessionMarker(sessionId: string): string {
  return `${checkpointDir(sessionId)}/removed`;
}

/** What is known of the session's snapshot, where there is one: `SnapshotRecord` as JSON. */
export function snapshotFile(sessionId: string): string {
  return `${checkpointDir(sessionId)}/snapshot.json`;
}

/** Of an id that `movedTreeDir` put behind a tree's name. */
export const MOVED_TREE_INFIX = ".before-";

/** Where a working tree goes in whose place another comes: that of a checkpoint, or of a session that begins anew. */
export function movedTreeDir(tree: string, id: string): string {
  return `${tree}${MOVED_TREE_INFIX}${id}`;
}

/** There, beside a session's working tree, until all of its project is in it. No session has such a name. */
export function incompleteTreeMarker(tree: string): string {
  return tree.replace(/[^/]+$/, ".$&.incomplete");
}

/** What is kept of one project: `p-` and 16 hexadecimal digits name it. */
export function projectDir(projectHash: string): string {
  return `${WORKSPACES_DIR}/${projectHash}`;
}

/** The bare repository with what the project's users brought: only what it lacks is sent. */
export function projectRepositoryDir(projectHash: string): string {
  return `${projectDir(projectHash)}/repository.git`;
}

/** What is known of the project itself: `ProjectRecord` as JSON. */
export function projectFile(projectHash: string): string {
  return `${projectDir(projectHash)}/project.json`;
}

/**
 * Where a session works: the working tree of its own in its project's directory, or a directory of its own
 * where it has no project.
 */
export function workspaceDir(session: string, projectHash?: string): string {
  return `${projectHash === undefined ? WORKSPACES_DIR : projectDir(projectHash)}/${session}`;
}

/** Who may write a directory of the volume (decision D6): `root`, or the sandbox's user. */
export type DirectoryOwner = "root" | "user";

/**
 * Every directory that a volume has after its first use, parents before children. The user of the
 * sandbox can read all of them and write only those that are its own.
 */
export const VOLUME_DIRECTORIES: readonly {
  readonly path: string;
  readonly owner: DirectoryOwner;
}[] = [
  { path: VOLUME_ROOT, owner: "root" },
  { path: CONFIG_DIR, owner: "root" },
  { path: CLAUDE_DIR, owner: "root" },
  { path: ENV_DIR, owner: "root" },
  { path: PLUGINS_DIR, owner: "root" },
  { path: CHECKPOINTS_DIR, owner: "user" },
  { path: WORKSPACES_DIR, owner: "user" },
];
