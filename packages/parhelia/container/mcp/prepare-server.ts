import { statSync } from "node:fs";
import { WORKSPACES_DIR } from "../../src/volume/layout.ts";
import type { Environment } from "./environment.ts";
import { expandServer } from "./expand.ts";
import { findMissingProgram } from "./missing-program.ts";
import type { McpServerConfig } from "./read-config.ts";
import { redactor } from "./redact.ts";

/** A server that can be started or asked. */
export interface PreparedServer {
  /** With its variables replaced: holds secrets. */
  readonly server: McpServerConfig;
  /** All that its process gets. */
  readonly environment: Record<string, string>;
  readonly cwd: string;
  /** Makes a text fit for a report. */
  readonly redact: (text: string) => string;
}

/** Why a server cannot be started; holds no values. */
export class NotStartable extends Error {
  override readonly name = "NotStartable";
  readonly missingProgram: string | null;

  constructor(message: string, missingProgram: string | null = null) {
    super(message);
    this.missingProgram = missingProgram;
  }
}

/**
 * Replaces the variables and looks whether all is there that its start needs.
 * @throws NotStartable naming what is missing
 */
export function prepareServer(config: McpServerConfig, given: Environment): PreparedServer {
  const { server, missing, values } = expandServer(config, given);
  if (missing.length > 0) {
    const names = missing.join(" and ");
    throw new NotStartable(
      `${names} ${missing.length === 1 ? "is" : "are"} not set in the sandbox: set it under [env] in parhelia.toml, or with parhelia secret set`,
    );
  }
  const environment = Object.fromEntries(
    Object.entries({ ...given, ...server.env }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  const cwd = server.cwd ?? given.PARHELIA_WORKSPACE ?? WORKSPACES_DIR;
  if (server.command !== undefined) checkProgram(server.command, { environment, cwd });
  return { server, environment, cwd, redact: redactor(server, given, values) };
}

function checkProgram(
  command: string,
  where: { readonly environment: Environment; readonly cwd: string },
): void {
  if (!isDirectory(where.cwd)) {
    throw new NotStartable(`its working directory ${where.cwd} is not there`);
  }
  const missing = findMissingProgram(command, where);
  if (missing === undefined) return;
  const wanted = missing === command ? "" : `, which ${command} needs,`;
  throw new NotStartable(`the program ${missing}${wanted} is not in the sandbox`, missing);
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
