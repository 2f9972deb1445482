import { UserError } from "../errors.ts";

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The values of a secret's keys: asked for without echo on a terminal, otherwise read from standard
 * input: for one key all of it but the last line break, for several one `KEY=VALUE` a line.
 * @throws UserError for a key that is no variable name, a missing or an empty value
 */
export async function readSecretValues(
  keys: readonly string[],
  input: NodeJS.ReadStream,
): Promise<Record<string, string>> {
  for (const key of keys) {
    if (VARIABLE_NAME.test(key)) continue;
    // What was typed may be a value by mistake: it is not repeated.
    throw new UserError("a key of a secret must be the name of an environment variable", {
      hint: "parhelia secret set anthropic-api-key ANTHROPIC_API_KEY; the value is asked for",
    });
  }
  const values = input.isTTY ? await ask(keys) : parse(keys, await readAll(input));
  for (const [key, value] of Object.entries(values)) {
    if (value === "") {
      throw new UserError(`the value of ${key} is empty`, { hint: "give it on standard input" });
    }
  }
  return values;
}

async function ask(keys: readonly string[]): Promise<Record<string, string>> {
  const { password } = await import("@inquirer/prompts");
  const values: Record<string, string> = {};
  for (const key of keys) {
    const options = { message: `value of ${key}`, mask: "*" };
    values[key] = await password(options, { output: process.stderr });
  }
  return values;
}

function parse(keys: readonly string[], text: string): Record<string, string> {
  const [onlyKey] = keys;
  if (keys.length === 1 && onlyKey !== undefined) return { [onlyKey]: text.replace(/\r?\n$/, "") };
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  const given = new Map(
    lines.map((line) => {
      const end = line.indexOf("=");
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
  const missing = keys.filter((key) => !given.has(key));
  if (missing.length > 0) {
    throw new UserError(`no value for ${missing.join(", ")} on standard input`, {
      hint: "for several keys, give one KEY=VALUE a line",
    });
  }
  return Object.fromEntries(keys.map((key) => [key, given.get(key) ?? ""]));
}

async function readAll(input: NodeJS.ReadStream): Promise<string> {
  let text = "";
  input.setEncoding("utf8");
  for await (const chunk of input) text += chunk as string;
  return text;
}
