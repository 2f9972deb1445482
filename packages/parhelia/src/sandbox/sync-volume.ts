import {
  parseManifest,
  type SyncHeader,
  type SyncManifest,
  type SyncOutcome,
} from "../../container/protocol/sync.ts";
import { SystemError, UserError } from "../errors.ts";
import type { SyncTree } from "../layers/sync-tree.ts";
import type { Connection } from "../modal/connection.ts";
import type { Volume } from "../modal/sandboxes.ts";
import { hasVolumeFile, readVolumeFile } from "../modal/volume-files.ts";
import {
  MCP_CONFIG_FILE,
  pathInVolume,
  SYNC_MANIFEST_FILE,
  syncCompleteFile,
} from "../volume/layout.ts";
import { sendSync, type SyncPlace } from "./sync-helper.ts";
import { changedFiles, manifestOf } from "./sync-manifest.ts";
import { reloadSessions, type SyncedSession } from "./sync-sessions.ts";
import { syncStream } from "./sync-stream.ts";

export interface PushOptions {
  /** The App and an image of it; asked for only when there is something to send. */
  readonly place: () => Promise<SyncPlace>;
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
  /** Replace `mcp_config.json` also where it was edited on the volume. Default: keep the edit. */
  readonly overwriteEdited?: boolean | undefined;
  /** Aborting it ends the sync; the volume then has what it had, or, at the very end, the new files. */
  readonly signal?: AbortSignal | undefined;
}

export interface PushResult {
  /** False: the volume had everything already, and nothing was sent. */
  readonly changed: boolean;
  readonly sentFiles: number;
  readonly sentBytes: number;
  readonly removedFiles: number;
  /** Edited on the volume and kept as they are there, by their path from the volume's root. */
  readonly keptEdited: readonly string[];
  /** The sessions that run; none when nothing changed. */
  readonly sessions: readonly SyncedSession[];
}

/** Another sync may come in between; more often than this it does not. */
const MAX_ATTEMPTS = 3;

const NOTHING: PushResult = {
  changed: false,
  sentFiles: 0,
  sentBytes: 0,
  removedFiles: 0,
  keptEdited: [],
  sessions: [],
};

/**
 * Makes the user's configuration on the volume this tree, wholly or not at all: sends what the volume lacks,
 * removes what an earlier sync brought and this one does not, leaves alone what no sync brought
 * (SPEC-01.04, SPEC-01.15 (2)).
 *
 * @throws UserError when a file changed while it was sent
 * @throws SystemError when the volume could not be written; it is then as it was
 */
export async function pushTree(
  connection: Connection,
  tree: SyncTree,
  options: PushOptions,
): Promise<PushResult> {
  const manifest = manifestOf(tree);
  const volume = await connection.client.volumes.fromName(options.volumeName ?? "parhelia-vol", {
    createIfMissing: true,
    version: 2,
  });
  const isComplete = await hasVolumeFile(
    connection,
    volume,
    pathInVolume(syncCompleteFile(manifest.digest)),
  );
  if (isComplete && options.overwriteEdited !== true) return NOTHING;
  let sendAll = false;
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const [base, place] = await Promise.all([readManifest(connection, volume), options.place()]);
    const push = new Push(manifest, base, { sendAll, ...options });
    const pieces = syncStream(push.header, tree);
    const outcome = await sendSync(connection, place, volume, pieces, options.signal);
    if (outcome.outcome === "committed") {
      return {
        ...push.result(outcome),
        sessions: await reloadSessions(connection, place.app),
      };
    }
    if (outcome.outcome === "corrupt") throw changedMeanwhile(outcome.path);
    sendAll ||= outcome.outcome === "incomplete";
  }
  throw new SystemError(
    `the volume was changed by others ${MAX_ATTEMPTS} times while it was being synced`,
    { hint: "wait until no other sync runs, then try again" },
  );
}

/** What the last sync brought to a volume; undefined before the first. */
export async function readManifest(
  connection: Connection,
  volume: Volume,
): Promise<SyncManifest | undefined> {
  const content = await readVolumeFile(connection, volume, pathInVolume(SYNC_MANIFEST_FILE));
  return content === undefined ? undefined : parseManifest(content.toString());
}

/** One attempt: what is sent to a volume that has `base`. */
class Push {
  readonly header: SyncHeader;

  constructor(
    manifest: SyncManifest,
    base: SyncManifest | undefined,
    options: { readonly sendAll: boolean; readonly overwriteEdited?: boolean | undefined },
  ) {
    const changed = changedFiles(manifest, base);
    const overwriteEdited = options.overwriteEdited ?? false;
    const mcpConfig = pathInVolume(MCP_CONFIG_FILE);
    const isOverwritten = overwriteEdited && manifest.files[mcpConfig] !== undefined;
    const needed = new Set([...changed, ...(isOverwritten ? [mcpConfig] : [])]);
    this.header = {
      manifest,
      base: base?.digest ?? null,
      sent: options.sendAll ? Object.keys(manifest.files) : [...needed],
      overwriteEdited,
    };
  }

  result({ removedFiles, keptEdited }: Extract<SyncOutcome, { outcome: "committed" }>) {
    const { manifest, sent } = this.header;
    return {
      changed: true,
      sentFiles: sent.length,
      sentBytes: sent.reduce((sum, path) => sum + (manifest.files[path]?.size ?? 0), 0),
      removedFiles,
      keptEdited,
    };
  }
}

function changedMeanwhile(path: string): UserError {
  return new UserError(`${path} changed on this machine while it was being synced`, {
    hint: "the volume is as it was; run the sync again when nothing writes to it",
  });
}
