import { closeSync, openSync, readSync } from "node:fs";
import { findProgram } from "../protocol/find-program.ts";
import type { Environment } from "./environment.ts";

const MAX_FIRST_LINE_BYTES = 256;

/**
 * Looks for the program that starting `command` would start, and for the interpreter of a script.
 * @param options `cwd` is where a command with a slash in it is looked for
 * @returns what is missing: the command itself, or its interpreter; undefined when all is there.
 */
export function findMissingProgram(
  command: string,
  { environment, cwd }: { readonly environment: Environment; readonly cwd: string },
): string | undefined {
  const options = { path: environment.PATH, cwd };
  const path = findProgram(command, options);
  if (path === undefined) return command;
  const interpreter = interpreterOf(path);
  return interpreter === undefined || findProgram(interpreter, options) !== undefined
    ? undefined
    : interpreter;
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
