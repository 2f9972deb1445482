import { lstatSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { movedTreeDir } from "../../src/volume/layout.ts";
import { CUT_OFF, isIncomplete } from "./incomplete-tree.ts";

/**
 * Puts a session's tree aside, so that another can take its place. Of whole trees the newest is kept; one that was
 * cut off on its way never takes the place of a whole one.
 * @param id stands behind the tree's name then: what comes after it
 * @returns where it is now; null where there was nothing in it
 */
export function putAside(tree: string, id: string): string | null {
  const found = lstatSync(tree, { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (found.isDirectory() && readdirSync(tree).length === 0) {
    rmdirSync(tree);
    return null;
  }
  const isWhole = !isIncomplete(tree);
  const aside = movedTreeDir(tree, isWhole ? id : CUT_OFF);
  if (isWhole) removeWholeAside(tree);
  else rmSync(aside, { recursive: true, force: true });
  renameSync(tree, aside);
  return aside;
}

function removeWholeAside(tree: string): void {
  const prefix = movedTreeDir(basename(tree), "");
  for (const name of readdirSync(dirname(tree))) {
    if (name.startsWith(prefix) && name !== `${prefix}${CUT_OFF}`) {
      rmSync(join(dirname(tree), name), { recursive: true, force: true });
    }
  }
}
