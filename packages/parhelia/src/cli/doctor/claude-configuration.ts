import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ok, warning } from "./check.ts";
import type { Check } from "./check.ts";

/**
 * The user's own Claude Code configuration parses. With damaged settings Claude Code starts all the
 * same, without hooks and deny rules: nobody would notice.
 */
export function checkClaudeConfiguration(env: NodeJS.ProcessEnv): Check[] {
  const home = env["HOME"] || homedir();
  const own = env["CLAUDE_CONFIG_DIR"];
  const directory = own || join(home, ".claude");
  return [
    checkJsonFile("claude settings", join(directory, "settings.json")),
    checkJsonFile("claude state", join(own || home, ".claude.json")),
  ];
}

function checkJsonFile(name: string, path: string): Check {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return ok(name, path);
    return warning(name, `${path} holds no JSON object`, `mend ${path}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return ok(name, `${path} does not exist, which is fine`);
    // A parser's message quotes the text around the mistake, which may hold a token.
    const reason = error instanceof SyntaxError ? `is not JSON${placeIn(message)}` : message;
    return warning(name, `${path} ${reason}`, `mend it: python3 -m json.tool ${path}`);
  }
}

function placeIn(message: string): string {
  const place = /\(line \d+ column \d+\)/.exec(message)?.[0];
  return place === undefined ? "" : ` ${place}`;
}
