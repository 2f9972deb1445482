/** How Claude Code is started to look at it, here and in a sandbox alike. */
export interface Probe {
  /** For `claude`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** From its start to its end; what it shows it has shown long before. */
  readonly timeoutMs: number;
}

/** Names of variables that lead Claude Code to another API, or to an account: a probe has none of them. */
export const ACCOUNT_VARIABLES = [
  "ANTHROPIC_AUTH_TOKEN",
  "ANTHROPIC_CUSTOM_HEADERS",
  "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
  "CLAUDE_CODE_USE_ANTHROPIC_AWS",
  "CLAUDE_CODE_USE_BEDROCK",
  "CLAUDE_CODE_USE_FOUNDRY",
  "CLAUDE_CODE_USE_MANTLE",
  "CLAUDE_CODE_USE_VERTEX",
] as const;

/** A server that has not answered by then counts as one that does not, unless the user's MCP_TIMEOUT is set. */
const MCP_TIMEOUT_MS = 10_000;

/** What else the start and the end of Claude Code may take. */
const OTHER_TIMEOUT_MS = 50_000;

/** How long MCP servers are waited for, here and in the sandbox. */
export function mcpTimeoutMs(env: NodeJS.ProcessEnv): number {
  return Number(env["MCP_TIMEOUT"]) || MCP_TIMEOUT_MS;
}

/**
 * One headless turn at the Messages API of `baseUrl`: without the user's account, so that no token is spent;
 * without hooks, which would act; without a conversation on disk. Claude Code lets `env` of its settings
 * override the environment, so the same stands in settings that come before the user's.
 */
export function probe(baseUrl: string, serversTimeoutMs: number): Probe {
  const env = {
    ANTHROPIC_BASE_URL: baseUrl,
    ANTHROPIC_API_KEY: "parhelia-doctor-needs-no-key",
    MCP_TIMEOUT: String(serversTimeoutMs),
    // The first event then has the servers' final states.
    MCP_CONNECTION_NONBLOCKING: "0",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL: "1",
    DISABLE_UPDATES: "1",
  };
  const noAccount = Object.fromEntries(ACCOUNT_VARIABLES.map((name) => [name, ""]));
  const settings = { disableAllHooks: true, env: { ...noAccount, ...env } };
  const output = ["--output-format", "stream-json", "--verbose", "--no-session-persistence"];
  return {
    args: ["-p", "parity?", ...output, "--settings", JSON.stringify(settings)],
    env,
    timeoutMs: serversTimeoutMs + OTHER_TIMEOUT_MS,
  };
}
