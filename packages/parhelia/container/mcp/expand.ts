import type { Environment } from "./environment.ts";
import type { McpServerConfig } from "./read-config.ts";

const VARIABLE = /\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g;

/** A server with its variables replaced, and what its description needs and the environment lacks. */
export interface ExpandedServer {
  readonly server: McpServerConfig;
  /** Names of variables that are not set and have no default, each once. */
  readonly missing: readonly string[];
  /** Of the variables that it uses; they may be secrets. */
  readonly values: readonly string[];
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` in command, arguments, env, cwd, url and headers from the
 * environment, as Claude Code does: a default stands in for a variable that is not set, not for an empty one.
 */
export function expandServer(server: McpServerConfig, environment: Environment): ExpandedServer {
  const missing = new Set<string>();
  const values: string[] = [];
  const expand = (text: string) =>
    text.replaceAll(VARIABLE, (whole, name: string, otherwise: string | undefined) => {
      const value = environment[name] ?? otherwise;
      if (value === undefined) missing.add(name);
      else values.push(value);
      return value ?? whole;
    });
  const expandValues = (texts: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, expand(value)]));
  const { command, args, env, cwd, url, headers } = server;
  const expanded: McpServerConfig = {
    ...server,
    ...(command === undefined ? {} : { command: expand(command) }),
    args: args.map(expand),
    env: expandValues(env),
    ...(cwd === undefined ? {} : { cwd: expand(cwd) }),
    ...(url === undefined ? {} : { url: expand(url) }),
    headers: expandValues(headers),
  };
  return { server: expanded, missing: [...missing], values };
}
