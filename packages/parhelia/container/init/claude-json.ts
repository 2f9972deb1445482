import type { JsonObject } from "./merge-json.ts";
import { asObject } from "./merge-json.ts";

/** Claude Code knows an API key that it may use by this many characters at its end (2.1.330). */
const API_KEY_TAIL_CHARACTERS = 20;

/** What Claude Code would tell or ask once. What the session has of its own comes before these. */
const DEFAULTS: JsonObject = {
  hasSeenAutoDefaultNotice: true,
  hasSeenAutoDefaultNudge: true,
  hasSeenAutoModeEntryWarning: true,
};

/** What the first start in a sandbox is about. */
export interface FirstStart {
  /** Directories whose trust dialog is answered. */
  readonly trusted: readonly string[];
  /** The Anthropic API key, if the sandbox has one. */
  readonly apiKey: string | undefined;
}

/**
 * The content of a `.claude.json` with which Claude Code asks nothing: neither its first questions, nor for
 * trust in the directories, nor whether to use the key. That, Claude Code remembers by the key's tail; all
 * of the key is stored only where it is no longer than that, as made-up ones are.
 */
export function answerFirstStart(
  own: JsonObject,
  { trusted, apiKey }: FirstStart,
): Record<string, unknown> {
  const projects: Record<string, unknown> = { ...asObject(own["projects"]) };
  for (const directory of trusted) {
    projects[directory] = { ...asObject(projects[directory]), hasTrustDialogAccepted: true };
  }
  const content = { ...DEFAULTS, ...own, hasCompletedOnboarding: true, projects };
  const tail = apiKey?.trim().slice(-API_KEY_TAIL_CHARACTERS) ?? "";
  return tail === "" ? content : { ...content, customApiKeyResponses: approve(own, tail) };
}

/** A key that was refused in this session stays refused. */
function approve(own: JsonObject, tail: string): JsonObject {
  const { approved, rejected } = asObject(own["customApiKeyResponses"]);
  const before = asList(approved);
  const refused = asList(rejected);
  const isAnswered = before.includes(tail) || refused.includes(tail);
  return { approved: isAnswered ? before : [...before, tail], rejected: refused };
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
