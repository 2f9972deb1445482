import { existsSync, lchownSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceWithLink } from "./home-link.ts";
import { StepError } from "./steps.ts";
import { writeFileAtomically } from "../write-file.ts";

/** What a session reads from the volume and never writes. The rest of its configuration is its own. */
const SHARED_ENTRIES = [
  "CLAUDE.md",
  "settings.json",
  "agents",
  "commands",
  "skills",
  "rules",
  "output-styles",
  "keybindings.json",
  "plugins",
];

/** Claude Code recognises an approved API key by this many characters at its end. */
const API_KEY_TAIL_CHARACTERS = 20;

/** A shorter key is no real one, and its tail would be most of it. */
const MIN_API_KEY_CHARACTERS = 2 * API_KEY_TAIL_CHARACTERS;

/**
 * Assembles the session's own `CLAUDE_CONFIG_DIR` (decision D7): links to what the volume's
 * configuration shares, and a private `.claude.json` with which Claude Code's first start asks nothing.
 * What the session wrote before a restart stays.
 */
export function assembleSessionConfig(options: {
  /** The shared configuration, on the volume. */
  readonly from: string;
  /** The session's own directory; its parent exists. */
  readonly to: string;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** The Anthropic API key, if the sandbox has one. Its tail, by which Claude Code knows it, is stored. */
  readonly apiKey: string | undefined;
  /** Directories whose trust dialog is answered. */
  readonly trusted: readonly string[];
}): void {
  const { from, to, owner, apiKey, trusted } = options;
  mkdirSync(to, { recursive: true, mode: 0o700 });
  lchownSync(to, owner.uid, owner.gid);
  for (const entry of SHARED_ENTRIES) {
    const shared = join(from, entry);
    const own = lstatSync(join(to, entry), { throwIfNoEntry: false });
    if (existsSync(shared) && (own === undefined || own.isSymbolicLink())) {
      replaceWithLink(join(to, entry), shared);
    }
  }
  const file = join(to, ".claude.json");
  const content = claudeJson(readJson(file), trusted, apiKey);
  writeFileAtomically(file, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, owner });
}

type JsonObject = Record<string, unknown>;

/** What answers the questions of the first start: onboarding, trust of the directory, use of the key. */
function claudeJson(
  own: JsonObject,
  trusted: readonly string[],
  apiKey: string | undefined,
): JsonObject {
  const projects = { ...asObject(own["projects"]) };
  for (const directory of trusted) {
    projects[directory] = { ...asObject(projects[directory]), hasTrustDialogAccepted: true };
  }
  const content: JsonObject = { theme: "dark", ...own, hasCompletedOnboarding: true, projects };
  if (apiKey !== undefined && apiKey.length >= MIN_API_KEY_CHARACTERS) {
    content["customApiKeyResponses"] = {
      approved: [apiKey.slice(-API_KEY_TAIL_CHARACTERS)],
      rejected: [],
    };
  }
  return content;
}

function readJson(file: string): JsonObject {
  if (!existsSync(file)) return {};
  try {
    return asObject(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    throw new StepError(
      `${file} is not valid JSON, and Claude Code would not start with it: move it away`,
    );
  }
}

function asObject(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}
