import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { SyncFile, SyncTree } from "../../packages/parhelia/src/layers/sync-tree.ts";

/** The regular files below a directory as a tree of a sync; each path begins with the prefix and a slash. */
export function treeFromDirectory(directory: string, prefix: string): SyncTree {
  const tree = new Map<string, SyncFile>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    tree.set(`${prefix}/${relative(directory, file)}`, syncFile(file));
  }
  return tree;
}

/** A tree of made-up files: content by path, with mode 0o644. */
export function madeUpTree(files: Readonly<Record<string, string | Buffer>>): SyncTree {
  return new Map(
    Object.entries(files).map(([path, text]) => {
      const content = Buffer.from(text);
      return [path, describe(content, 0o644, () => content)];
    }),
  );
}

function syncFile(file: string): SyncFile {
  const mode = (statSync(file).mode & 0o100) === 0 ? 0o644 : 0o755;
  return describe(readFileSync(file), mode, () => readFileSync(file));
}

function describe(content: Buffer, mode: number, read: () => Buffer): SyncFile {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { mode, size: content.length, sha256, read };
}
