import { createHash } from "node:crypto";
import type { ManifestFile, SyncManifest } from "../../container/protocol/sync.ts";
import type { SyncTree } from "../layers/sync-tree.ts";

/** The manifest of a tree. Its digest depends on the files alone, not on their order or the time. */
export function manifestOf(tree: SyncTree, createdAt = new Date()): SyncManifest {
  const paths = [...tree.keys()].sort();
  const files: Record<string, ManifestFile> = {};
  const digest = createHash("sha256");
  for (const path of paths) {
    const { sha256, size, mode } = tree.get(path) ?? missing(path);
    files[path] = { sha256, size, mode };
    digest.update(`${path}\0${sha256}\0${size}\0${mode}\n`);
  }
  return { version: 1, digest: digest.digest("hex"), createdAt: createdAt.toISOString(), files };
}

/** The files that a volume with the manifest `base` lacks or has otherwise. */
export function changedFiles(manifest: SyncManifest, base: SyncManifest | undefined): string[] {
  return Object.entries(manifest.files)
    .filter(([path, file]) => {
      const old = base?.files[path];
      return old?.sha256 !== file.sha256 || old.mode !== file.mode;
    })
    .map(([path]) => path);
}

/** The files in which two manifests differ: changed, added and removed ones. */
export function differingFiles(manifest: SyncManifest, base: SyncManifest | undefined): string[] {
  const removed = Object.keys(base?.files ?? {}).filter((path) => !(path in manifest.files));
  return [...changedFiles(manifest, base), ...removed];
}

function missing(path: string): never {
  throw new RangeError(`no file ${path}`);
}
