import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { incompleteTreeMarker, movedTreeDir } from "../../src/volume/layout.ts";

/** Instead of an id, behind the name of a tree that was put aside. */
export const CUT_OFF = "incomplete";

/** Marks a session's tree as incomplete before anything is in it. One that has something in it stays what it is. */
export function expectProject(tree: string): void {
  if (readdirSync(tree).length === 0) writeFileSync(incompleteTreeMarker(tree), "");
}

/**
 * Makes a tree ready to be filled. What an earlier attempt left that was cut off is put aside: a sandbox may have
 * worked in it. The directory stays the one that it is: a shell may be in it.
 * @returns whether the tree may be filled: one that was complete may not
 */
export function beginFilling(tree: string): boolean {
  expectProject(tree);
  if (!isIncomplete(tree)) return false;
  const left = readdirSync(tree);
  if (left.length === 0) return true;
  const aside = movedTreeDir(tree, CUT_OFF);
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside);
  for (const name of left) renameSync(join(tree, name), join(aside, name));
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
