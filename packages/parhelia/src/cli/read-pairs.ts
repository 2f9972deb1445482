import { UserError } from "../errors.ts";

/**
 * `KEY=VALUE` pairs; `KEY` alone takes the value that the user's own environment has, so that it stands
 * in no argument list.
 *
 * @param flag the option, for errors.
 * @throws UserError
 */
export function readPairs(
  flag: string,
  pairs: readonly string[],
  env: NodeJS.ProcessEnv,
): Record<string, string> {
  return Object.fromEntries(pairs.map((pair) => readPair(flag, pair, env)));
}

function readPair(flag: string, pair: string, env: NodeJS.ProcessEnv): [string, string] {
  const separator = pair.indexOf("=");
  const key = separator < 0 ? pair : pair.slice(0, separator);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
    throw new UserError(`${flag}: ${JSON.stringify(key)} is no name of an environment variable`, {
      hint: `write ${flag} KEY=VALUE; KEY has letters, digits and underscores, and no digit first`,
    });
  }
  const value = separator < 0 ? env[key] : pair.slice(separator + 1);
  if (value === undefined) {
    throw new UserError(`${flag} ${key}: your environment has no variable ${key}`, {
      hint: `export ${key} first, or write ${flag} ${key}=VALUE`,
    });
  }
  return [key, value];
}
