import { ACCOUNT_VARIABLES, probe } from "./probe.ts";

/** Variables by which Claude Code decides what it has. */
const OF_CLAUDE_CODE = /^(ANTHROPIC|CLAUDE|ENABLE|DISABLE|MCP)_/;

/** What is another in a sandbox by nature, or is set by a probe, and makes no difference to what it shows. */
const WITHOUT_EFFECT = new Set<string>([
  ...ACCOUNT_VARIABLES,
  ...Object.keys(probe("", 0).env),
  "CLAUDE_CODE_ENABLE_TELEMETRY",
  "CLAUDE_CODE_ENTRYPOINT",
  "CLAUDE_CODE_HEADLESS",
  "CLAUDE_CODE_NO_BROWSER",
  "CLAUDE_CODE_PLUGIN_CACHE_DIR",
  "CLAUDE_CODE_SANDBOXED",
  "CLAUDE_CODE_SSE_PORT",
  "CLAUDE_CODE_TMUX_TRUECOLOR",
  "CLAUDE_CONFIG_DIR",
]);

/** Values as an environment has them, or as `env` of settings may. */
export type Variables = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Names of the variables for Claude Code that two environments do not have alike, sorted.
 * @param here with those of the user's settings laid over it, since Claude Code does so
 */
export function differingVariables(here: Variables, there: Variables): string[] {
  return [...new Set([...Object.keys(here), ...Object.keys(there)])]
    .filter((name) => OF_CLAUDE_CODE.test(name) && !WITHOUT_EFFECT.has(name))
    .filter((name) => String(here[name] ?? "") !== String(there[name] ?? ""))
    .sort();
}
