import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** In it a directory of a home's name says that a test file has that home. */
const CLAIMS = "claims";

/** A home that is one test file's until it lets go of it. */
export interface ClaimedHome {
  readonly directory: string;
  readonly release: () => void;
}

/** Makes a folder ready for homes; those that are in it are nobody's. */
export function prepareHomes(folder: string): void {
  rmSync(join(folder, CLAIMS), { recursive: true, force: true });
  mkdirSync(join(folder, CLAIMS), { recursive: true });
}

/** The directories of the homes in a folder. */
export function homesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => join(folder, name));
}

/** Takes the first home that nobody has: there are as many as test files run at once. */
export function claimHome(folder: string): ClaimedHome {
  for (let number = 1; ; number += 1) {
    const claim = join(folder, CLAIMS, `${number}`);
    try {
      mkdirSync(claim); // of two who try at once one fails
      return { directory: join(folder, `${number}`), release: () => rmdirSync(claim) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}
