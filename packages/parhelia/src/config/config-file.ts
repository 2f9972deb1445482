import { readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { UserError } from "../errors.ts";
import { TomlSyntaxError, parseToml } from "./toml-document.ts";
import type { TomlDocument } from "./toml-document.ts";

/** Name of the configuration file. */
export const CONFIG_FILE_NAME = "parhelia.toml";

/** A configuration file that was read; its values are not checked yet. */
export interface ConfigFile extends TomlDocument {
  /** Absolute path. */
  readonly path: string;
  /** The path as the user would type it. */
  readonly shownPath: string;
}

/**
 * The file that was asked for, else the nearest `parhelia.toml` from `cwd` upwards, else none.
 *
 * @throws UserError when the file that was asked for is not there.
 */
export function findConfigFile(cwd: string, asked: string | undefined): string | undefined {
  if (asked !== undefined) {
    const path = resolve(cwd, asked);
    if (isFile(path)) return path;
    throw new UserError(`there is no configuration file ${asked}`, {
      hint: "correct --config or PARHELIA_CONFIG, or write one with parhelia init",
    });
  }
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    const path = join(directory, CONFIG_FILE_NAME);
    if (isFile(path)) return path;
    if (directory === dirname(directory)) return undefined;
  }
}

/** @throws UserError when the file cannot be read, is not UTF-8, or is not TOML, with the line. */
export function readConfigFile(path: string, cwd: string): ConfigFile {
  const shownPath = showPath(path, cwd);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
    return { ...parseToml(text), path, shownPath };
  } catch (error) {
    if (error instanceof TomlSyntaxError) {
      throw new UserError(`${shownPath}:${error.line}: not TOML: ${error.message}`, {
        hint: 'strings need quotes, lists brackets: pip = ["anthropic"]',
        cause: error,
      });
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`cannot read ${shownPath}: ${reason}`, {
      hint: "make it a readable UTF-8 text file",
      cause: error,
    });
  }
}

/** Relative where that is shorter to read, absolute where it would climb far. */
function showPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short.startsWith("../../..") ? path : short;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
