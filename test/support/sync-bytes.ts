/** The host's side of a sync, for tests of the sandbox's side: what is sent, without anything to send it to. */
import type { SyncHeader } from "../../packages/parhelia/container/protocol/sync.ts";
import type { SyncTree } from "../../packages/parhelia/src/layers/sync-tree.ts";
import { syncPieces } from "../../packages/parhelia/src/sandbox/sync-stream.ts";

export { manifestOf } from "../../packages/parhelia/src/sandbox/sync-manifest.ts";
export type { SyncTree };

/** All bytes of a sync. */
export function syncBytes(header: SyncHeader, tree: SyncTree): Buffer {
  return Buffer.concat([...syncPieces(header, tree)]);
}
