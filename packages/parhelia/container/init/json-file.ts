import { readFileSync } from "node:fs";
import { StepError } from "./steps.ts";
import type { JsonObject } from "./merge-json.ts";
import { isObject } from "./merge-json.ts";
import { writeFileAtomically } from "../write-file.ts";

/**
 * Reads a file that holds a JSON object. An empty file counts as an empty object, as for Claude Code.
 * @returns undefined when there is no such file.
 * @throws StepError naming the file; `whyItMatters` says what a broken one would do.
 */
export function readJsonObject(file: string, whyItMatters: string): JsonObject | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  try {
    const content: unknown = JSON.parse(text.replace(/^\uFEFF/, "").trim() || "{}");
    if (isObject(content)) return content;
  } catch {
    // The parser's message quotes the file.
  }
  throw new StepError(`${file} is not valid JSON: ${whyItMatters}`);
}

/** Writes an object as JSON, in one piece, readable for its owner only. */
export function writeJsonObject(file: string, content: JsonObject): void {
  writeFileAtomically(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new StepError(`${file} cannot be read (${code})`);
  }
}
