import { UserError } from "../errors.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import { startCommand, type RunningCommand } from "./exec.ts";
import { forwardCommand, openForward } from "./forward.ts";
import { passThrough, type LocalStreams } from "./pass-through.ts";
import { streamedText } from "./streamed-text.ts";

/** One headless turn of Claude Code. */
export interface ClaudeTurn {
  readonly prompt: string;
  /** Further arguments of `claude`, as they are. */
  readonly claudeArguments: readonly string[];
  /** On top of the session's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Claude's messages as JSON, one a line, instead of the text of its answer. */
  readonly json: boolean;
}

/** Where Claude Code sends its requests; on loopback it is this machine's, not the sandbox's. */
const BASE_URL = "ANTHROPIC_BASE_URL";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

const STREAM_JSON = ["--output-format", "stream-json", "--verbose", "--include-partial-messages"];

/**
 * Runs `claude -p` in a session and streams its answer (SPEC-01, "Headless multi-turn task"). An
 * ANTHROPIC_BASE_URL on this machine's loopback is reachable from the sandbox meanwhile.
 * @returns Claude Code's exit status
 */
export async function runClaude(
  sandbox: Sandbox,
  turn: ClaudeTurn,
  streams: LocalStreams,
): Promise<number> {
  const reachable = await reachBaseUrl(sandbox, turn.env);
  try {
    const command = await startCommand(
      sandbox,
      ["claude", "-p", turn.prompt, ...STREAM_JSON, ...turn.claudeArguments],
      { env: reachable.env },
    );
    const shown = turn.json ? command : withTextOutput(command);
    return await passThrough(shown, streams);
  } finally {
    await reachable.close();
  }
}

/** The command with the answer's text on standard output, as it arrives, instead of JSON lines. */
function withTextOutput(command: RunningCommand): RunningCommand {
  return { ...command, stdout: command.stdout.pipeThrough(streamedText()) };
}

interface ReachableEnvironment {
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Forwards a port of the sandbox to the base URL where that is on this machine. */
async function reachBaseUrl(
  sandbox: Sandbox,
  env: Readonly<Record<string, string>>,
): Promise<ReachableEnvironment> {
  const baseUrl = env[BASE_URL];
  if (baseUrl === undefined) return { env, close: () => Promise.resolve() };
  const url = parseUrl(baseUrl);
  if (!LOOPBACK.test(url.hostname)) return { env, close: () => Promise.resolve() };

  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  const side = await sandbox.exec(forwardCommand(), { mode: "binary" });
  const forward = openForward({
    stdin: side.stdin,
    stdout: side.stdout,
    targetHost: url.hostname.replace(/^\[|\]$/g, ""),
    targetPort: port,
  });
  url.port = String(await forward.ready);
  return {
    env: { ...env, [BASE_URL]: url.href.replace(/\/$/, "") },
    close: () => forward.close(),
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null) return url;
  throw new UserError(`${BASE_URL} is no URL: ${text}`, {
    hint: `set it to something like http://127.0.0.1:8080`,
  });
}
