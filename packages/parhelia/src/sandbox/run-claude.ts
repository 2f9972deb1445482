import { UserError } from "../errors.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import { runInSandbox, startCommand, type RunningCommand } from "./exec.ts";
import { passThrough, type LocalStreams } from "./pass-through.ts";
import { reachBaseUrl } from "./reach-base-url.ts";
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
  /** Go on with the newest conversation of the session. Default: begin one. */
  readonly continues?: boolean;
}

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
  const continued = turn.continues === true ? ["--resume", await newestConversation(sandbox)] : [];
  const reachable = await reachBaseUrl(sandbox, turn.env);
  try {
    const command = await startCommand(
      sandbox,
      ["claude", "-p", turn.prompt, ...STREAM_JSON, ...continued, ...turn.claudeArguments],
      { env: reachable.env },
    );
    const shown = turn.json ? command : withTextOutput(command);
    return await passThrough(shown, streams);
  } finally {
    await reachable.close();
  }
}

/** Conversations are files with their identifier as name; those of sub-agents lie deeper or are named so. */
const LIST_CONVERSATIONS = 'cd "$CLAUDE_CONFIG_DIR/projects" && ls -t -- */*.jsonl';

const CONVERSATION = /^[^/]+\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$/m;

/** @throws UserError when the session has no conversation yet */
async function newestConversation(sandbox: Sandbox): Promise<string> {
  const { stdout } = await runInSandbox({ sandbox }, ["sh", "-c", LIST_CONVERSATIONS]);
  const id = CONVERSATION.exec(stdout)?.[1];
  if (id !== undefined) return id;
  throw new UserError("the session has no conversation that could be continued", {
    hint: "leave --continue out to begin one",
  });
}

/** The command with the answer's text on standard output, as it arrives, instead of JSON lines. */
function withTextOutput(command: RunningCommand): RunningCommand {
  return { ...command, stdout: command.stdout.pipeThrough(streamedText()) };
}
