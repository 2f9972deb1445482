import { closeSync, fchownSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

/**
 * Writes a file so that a reader sees the old content or the new one: beside it, then renamed. Root
 * does this in directories of others, so an existing file or link under the temporary name is removed
 * and never followed.
 */
export function writeFileAtomically(
  path: string,
  content: string,
  options: {
    readonly mode: number;
    readonly owner?: { readonly uid: number; readonly gid: number };
  },
): void {
  const temporary = `${path}.new`;
  rmSync(temporary, { force: true, recursive: true });
  const descriptor = openSync(temporary, "wx", options.mode);
  try {
    if (options.owner !== undefined) fchownSync(descriptor, options.owner.uid, options.owner.gid);
    writeSync(descriptor, content);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
}
