import { CommanderError } from "commander";
import { ParheliaError } from "../errors.ts";

/** How a failure is shown: what goes to standard error, and the exit status. */
export interface Failure {
  /** Without a line break at the end; empty when there is nothing to say. */
  readonly text: string;
  readonly exitStatus: number;
}

/**
 * The single funnel: every failure of a command is told to the user here. `error:` says what happened
 * and why, `hint:` what to type next.
 */
export function describeFailure(error: unknown, env: NodeJS.ProcessEnv): Failure {
  const failure = describe(error);
  if (env["PARHELIA_DEBUG"] !== "1" || failure.exitStatus === 0) return failure;
  return { ...failure, text: `${failure.text}\n${stackOf(error)}` };
}

function describe(error: unknown): Failure {
  if (error instanceof ParheliaError) {
    return { text: errorAndHint(error.message, error.hint), exitStatus: error.exitStatus };
  }
  if (error instanceof CommanderError) return describeUsageError(error);
  // Ctrl-C at a prompt, which reads the key itself: no signal arrives.
  if (error instanceof Error && error.name === "ExitPromptError") {
    return { text: "interrupted", exitStatus: 130 };
  }
  const message = error instanceof Error ? error.message || error.name : String(error);
  const [firstLine = ""] = message.split("\n");
  return {
    text: errorAndHint(
      `unexpected: ${firstLine}`,
      "this should not happen; PARHELIA_DEBUG=1 shows where it comes from",
    ),
    exitStatus: 1,
  };
}

/** Commander reports help and version as errors too; their text is printed already. */
function describeUsageError(error: CommanderError): Failure {
  if (error.exitCode === 0) return { text: "", exitStatus: 0 };
  if (error.code === "commander.help") return { text: "", exitStatus: 2 };
  const [message = "", suggestion] = error.message
    .replace(/^error: /, "")
    .split(/\n\(Did you mean (?:one of )?(.*)\?\)$/);
  const hint = suggestion === undefined ? "parhelia --help" : `did you mean ${suggestion}?`;
  return { text: errorAndHint(message, hint), exitStatus: 2 };
}

/** A message of several lines (several problems, the end of a build's output) stays in one column. */
function errorAndHint(message: string, hint: string): string {
  return `error: ${message.replaceAll("\n", "\n       ")}\nhint: ${hint}`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const cause = error.cause === undefined ? "" : `\ncaused by: ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
