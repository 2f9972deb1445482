import { lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";

/**
 * Makes `link` a symbolic link to `target` (SPEC-01.13 step 1, SPEC-01.AC6). A link that leads elsewhere
 * is replaced. A directory or file is moved aside to a dated name beside it: a link made with
 * `ln -sfn` would end up inside the directory.
 * @returns the name that something was moved aside to, or null.
 */
export function linkTo(link: string, target: string, now: Date = new Date()): string | null {
  const found = lstatSync(link, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() === true && readlinkSync(link) === target) return null;
  let movedTo: string | null = null;
  if (found !== undefined && !found.isSymbolicLink()) {
    movedTo = `${link}.moved-${now.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
    renameSync(link, movedTo);
  }
  replaceWithLink(link, target);
  return movedTo;
}

/** Made beside and renamed, so that there is no moment without a link. */
export function replaceWithLink(link: string, target: string): void {
  const temporary = `${link}.new`;
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, link);
}
