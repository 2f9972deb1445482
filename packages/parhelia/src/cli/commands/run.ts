import { generateSessionName } from "../../config/session-name.ts";
import { logLine } from "../../log.ts";
import { findSandbox } from "../../modal/sandboxes.ts";
import { runClaude, type ClaudeTurn } from "../../sandbox/run-claude.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { RunArguments, RunOptions } from "../command-types.ts";
import { startSession } from "../start-session.ts";

/** Variables that lead Claude Code to another address: the user's own go along. */
const FORWARDED = ["ANTHROPIC_BASE_URL"];

/** `parhelia run`: one headless turn of Claude Code, in a new session where the name is new. */
export const run: RunCommand<RunArguments, RunOptions> = async (context, args, options) => {
  const loaded = await context.loadConfig({ timeout: options.timeout, env: options.env });
  const connection = actOn(loaded);
  const name = args.name ?? generateSessionName();
  // Claude Code ends with 0 when a signal ends its turn; a command that has this signal does not.
  const { signal } = context;
  const turn: ClaudeTurn = {
    prompt: args.prompt,
    claudeArguments: args.claudeArguments,
    env: { ...forwardedVariables(context.env), ...loaded.config.env, ...options.env },
    json: options.json,
    continues: options.continue,
  };

  const exitStatus = await withConnection(connection, async (connected) => {
    const sandbox = await findSandbox(connected, name);
    signal.throwIfAborted();
    return sandbox === undefined ? undefined : runClaude(sandbox, turn, process);
  });
  if (exitStatus !== undefined) return exitStatus;

  const further = { aboveLimit: options.force };
  const session = await startSession(context, loaded, name, further, options);
  logLine(`session ${name} is ready; it runs on after this: parhelia stop ${name}`);
  try {
    signal.throwIfAborted();
    return await runClaude(session.sandbox, turn, process);
  } finally {
    session.close();
  }
};

function forwardedVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    FORWARDED.flatMap((name) => {
      const value = env[name];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
}
