import { accessSync, constants, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";

export interface FindProgramOptions {
  /** The variable PATH; its relative directories are the directory's own. */
  readonly path: string | undefined;
  /** Where a command with a slash in it is looked for. */
  readonly cwd: string;
}

/** The program that starting `command` would start, as an absolute path; undefined when there is none. */
export function findProgram(
  command: string,
  { path = "", cwd }: FindProgramOptions,
): string | undefined {
  const directories = command.includes("/") ? ["."] : path.split(delimiter);
  return directories.map((directory) => resolve(cwd, directory, command)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
