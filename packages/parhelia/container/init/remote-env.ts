import { readFileSync } from "node:fs";
import { CHECKPOINTS_DIR, VOLUME_ROOT, WORKSPACES_DIR } from "../../src/volume/layout.ts";
import { StepError } from "./steps.ts";
import { writeFileAtomically } from "../write-file.ts";

/** What the file holds after the volume's first use (SPEC-01 "Remote Environment Config"). */
export const INITIAL_REMOTE_ENV = `# Parhelia remote environment configuration

# Override local paths for remote context
PARHELIA_VOLUME_ROOT=${VOLUME_ROOT}
PARHELIA_CHECKPOINT_DIR=${CHECKPOINTS_DIR}
PARHELIA_WORKSPACE_DIR=${WORKSPACES_DIR}

# Claude Code behavior
CLAUDE_CODE_HEADLESS=1
CLAUDE_CODE_NO_BROWSER=1

# Telemetry (optional)
PARHELIA_METRICS_ENABLED=true
PARHELIA_METRICS_PORT=9090
`;

/**
 * The variables of `remote.env`; the file is created with the specification's content on first use.
 * @throws StepError naming file and line when a line is malformed.
 */
export function readRemoteEnv(path: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    writeFileAtomically(path, INITIAL_REMOTE_ENV, { mode: 0o644 });
    text = INITIAL_REMOTE_ENV;
  }
  return parseRemoteEnv(text, path);
}

/**
 * Parses KEY=VALUE lines, with `#` comments, an optional `export ` and optional quotes. Values are
 * literal: nothing is expanded; in double quotes `\\"`, `\\\\`, `\\$`, `` \\` `` and `\\n` are escapes.
 * The last of two equal keys wins.
 * @throws StepError naming `file` and the line; never the value, which may be confidential.
 */
export function parseRemoteEnv(text: string, file: string): Map<string, string> {
  const variables = new Map<string, string>();
  for (const [index, rawLine] of text.split("\n").entries()) {
    const line = rawLine.trim();
    if (line === "" || line.startsWith("#")) continue;
    const malformed = (why: string) =>
      new StepError(
        `${file} line ${index + 1}: ${why}; a line reads KEY=VALUE, or # and a comment`,
      );
    const match = /^(?:export\s+)?([^\s=]*)=(.*)$/s.exec(line);
    const [, key = "", rawValue = ""] = match ?? [];
    if (match === null) throw malformed("there is no KEY=");
    if (!/^[A-Za-z_]\w*$/.test(key)) throw malformed("the name before = is not a variable's name");
    if (rawValue.includes("\0")) throw malformed(`the value of ${key} holds a NUL character`);
    const value = parseValue(rawValue);
    if (value === null)
      throw malformed(`the quotes of ${key}'s value do not close, or text follows them`);
    variables.set(key, value);
  }
  return variables;
}

const ESCAPES = /\\(["\\$`n])/g;

/** Null when quotes do not close at the end of the value. */
function parseValue(rawValue: string): string | null {
  const value = rawValue.trim();
  if (value.startsWith("'")) return /^'([^']*)'\s*(?:#.*)?$/s.exec(value)?.[1] ?? null;
  if (value.startsWith('"')) {
    const quoted = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/s.exec(value)?.[1];
    return (
      quoted?.replaceAll(ESCAPES, (_, escaped: string) => (escaped === "n" ? "\n" : escaped)) ??
      null
    );
  }
  return rawValue.replace(/\s#.*$/s, "").trim();
}
