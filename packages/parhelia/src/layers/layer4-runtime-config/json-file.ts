import { readFileSync } from "node:fs";
import type * as z from "zod";
import { UserError } from "../../errors.ts";

/** An object as JSON has it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The object that a JSON file holds, or undefined when there is no file. Messages name the place and
 * never quote the text: it may hold a secret.
 *
 * @throws UserError with file, line and column when it is no JSON, or with the key when its shape is
 *   not `shape`.
 */
export function readJsonFile<Shape extends z.ZodType>(
  path: string,
  shape: Shape,
): z.output<Shape> | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const parsed = shape.safeParse(parseJson(text, path), { reportInput: false });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path: key, message }) =>
    key.length === 0 ? message : `${keyName(key)}: ${message}`,
  );
  throw new UserError(`${path} is not what Claude Code expects: ${problems.join("; ")}`, {
    hint: `nothing was sent; claude doctor says more, and claude writes ${path} anew if you move it away`,
  });
}

/** Whether a value is an object, and no list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same JSON for the same content, whoever wrote it. */
export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw malformed(`${path} cannot be read: ${message}`, path);
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const offset = mistakeOffset(text);
    const before = text.slice(0, offset).split("\n");
    const place = `${path}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    const what = offset >= text.length ? "the file ends too early" : "this is not JSON";
    throw malformed(`${place}: ${what}`, path);
  }
}

function malformed(message: string, path: string): UserError {
  return new UserError(message, {
    hint: `nothing was sent, since Claude Code would run without the rules in it; mend it: python3 -m json.tool ${path}`,
  });
}

/**
 * Where a JSON text stops being one. The engine's messages name no place for every mistake; but the
 * shortest beginning of the text that nothing could complete ends with the mistake.
 */
function mistakeOffset(text: string): number {
  let good = 0;
  let bad = text.length;
  if (canBeCompleted(text)) return text.length;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (canBeCompleted(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function canBeCompleted(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const position = / at position (\d+)/.exec(message)?.[1];
    return position === undefined
      ? message.includes("end of JSON input")
      : Number(position) >= text.length;
  }
}

function keyName(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`))
    .join("")
    .replace(/^\./, "");
}
