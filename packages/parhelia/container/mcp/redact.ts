import type { Environment } from "./environment.ts";
import type { McpServerConfig } from "./read-config.ts";

/** A shorter value is no secret, and would be found everywhere. */
const MIN_SECRET_LENGTH = 6;

const SECRET_NAME = /key|token|secret|password|passwd|credential|auth/i;

const MAX_LENGTH = 300;

/**
 * Makes what a server or a library said fit for a report: one line, not too long, and without what may be
 * secret, which is: values of `env` and `headers`, passwords and queries of the address, arguments behind names
 * of secrets, and variables of the environment with such names.
 * @param server with its variables replaced
 * @param values of those variables
 */
export function redactor(
  server: McpServerConfig,
  environment: Environment,
  values: readonly string[],
): (text: string) => string {
  const secrets = [
    ...values,
    ...Object.values(server.env),
    ...Object.values(server.headers).flatMap((value) => [value, ...value.split(/\s+/)]),
    ...secretArguments(server.args),
    ...addressSecrets(server.url),
    ...Object.entries(environment)
      .filter(([name]) => SECRET_NAME.test(name))
      .map(([, value]) => value ?? ""),
  ].filter(({ length }) => length >= MIN_SECRET_LENGTH);
  const forms = new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]));
  // The longest first: one may be the beginning of another.
  const ordered = [...forms].sort((left, right) => right.length - left.length);
  return (text) => {
    const clean = ordered.reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
    const line = clean.replaceAll(/\s+/g, " ").trim();
    return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH - 1)}…` : line;
  };
}

function secretArguments(args: readonly string[]): string[] {
  return args.flatMap((argument, index) => {
    const [, name = "", value = ""] = /^([^=]*)=(.*)$/s.exec(argument) ?? [];
    if (SECRET_NAME.test(name)) return [value];
    const before = args[index - 1] ?? "";
    return before.startsWith("-") && SECRET_NAME.test(before) ? [argument] : [];
  });
}

function addressSecrets(url: string | undefined): string[] {
  if (url === undefined || !URL.canParse(url)) return [];
  const { username, password, searchParams } = new URL(url);
  return [username, password, decoded(username), decoded(password), ...searchParams.values()];
}

/** As it is where it is not encoded well. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
