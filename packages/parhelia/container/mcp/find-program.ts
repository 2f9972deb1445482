import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import type { Environment } from "./environment.ts";

const MAX_FIRST_LINE_BYTES = 256;

/**
 * Looks for the program that starting `command` would start, and for the interpreter of a script.
 * @param options `cwd` is where a command with a slash in it is looked for
 * @returns what is missing: the command itself, or its interpreter; undefined when all is there.
 */
export function findMissingProgram(
  command: string,
  options: { readonly environment: Environment; readonly cwd: string },
): string | undefined {
  const path = findProgram(command, options);
  if (path === undefined) return command;
  const interpreter = interpreterOf(path);
  return interpreter === undefined || findProgram(interpreter, options) !== undefined
    ? undefined
    : interpreter;
}

function findProgram(
  command: string,
  { environment, cwd }: Parameters<typeof findMissingProgram>[1],
): string | undefined {
  if (command.includes("/")) {
    const path = resolve(cwd, command);
    return isProgram(path) ? path : undefined;
  }
  const directories = (environment.PATH ?? "").split(":");
  return directories
    .map((directory) => join(isAbsolute(directory) ? directory : resolve(cwd, directory), command))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** `#!/usr/bin/env node` and `#!/usr/bin/node`; undefined for a binary. */
function interpreterOf(path: string): string | undefined {
  const line = firstLine(path);
  const [program, ...args] = /^#!\s*(.*)$/.exec(line)?.[1]?.trim().split(/\s+/) ?? [];
  if (program?.endsWith("/env") !== true) return program === "" ? undefined : program;
  return args.find((word) => !word.startsWith("-") && !word.includes("=")) ?? program;
}

function firstLine(path: string): string {
  try {
    const descriptor = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(MAX_FIRST_LINE_BYTES);
      const length = readSync(descriptor, bytes, 0, bytes.length, 0);
      return bytes.toString("latin1", 0, length).split("\n", 1)[0] ?? "";
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return ""; // may be run without being read
  }
}
