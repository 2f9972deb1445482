import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { incompleteTreeMarker, movedTreeDir } from "../../src/volume/layout.ts";

/**
 * Marks a session's tree as incomplete before anything is in it. What an earlier attempt left that was cut off is
 * put aside: a sandbox may have worked in it. The directory stays the one that it is: a shell may be in it.
 * @returns whether the tree may be filled: one that was complete may not
 */
export function beginFilling(tree: string): boolean {
  const left = readdirSync(tree);
  if (left.length > 0) {
    if (!isIncomplete(tree)) return false;
    const aside = movedTreeDir(tree, "incomplete");
    rmSync(aside, { recursive: true, force: true });
    mkdirSync(aside);
    for (const name of left) renameSync(join(tree, name), join(aside, name));
  }
  writeFileSync(incompleteTreeMarker(tree), "");
  return true;
}

/** From here on the tree is the session's. */
export function endFilling(tree: string): void {
  rmSync(incompleteTreeMarker(tree), { force: true });
}

/** Whether not all of its project is in a session's tree. */
export function isIncomplete(tree: string): boolean {
  return existsSync(incompleteTreeMarker(tree));
}
