import { existsSync, readFileSync } from "node:fs";
import { CLAUDE_DIR } from "../../src/volume/layout.ts";
import { claudeCommandLines } from "../claude-processes.ts";
import type { AssembledSession } from "../protocol/sync.ts";
import { RUN_DIR, SANDBOX_USER, SESSION_CLAUDE_DIR } from "../protocol/paths.ts";
import { tellInitToReload } from "./reload.ts";
import { metricsPort, telemetryVariables } from "../metrics/settings.ts";
import { assembleSessionConfig, type SessionConfigOptions } from "./session-config.ts";
import type { Environment, SessionEnvironment } from "./session-environment.ts";
import { StepError } from "./steps.ts";
import { writeFileAtomically } from "../write-file.ts";

/** The names of the variables that the user's settings must not override, one a line; no values. */
const OVERRIDING_FILE = `${RUN_DIR}/overriding-variables`;

/** The session's Claude configuration at its start (SPEC-01.13 step 1, decision D7). */
export function assembleFirst(
  { variables, overriding }: SessionEnvironment,
  trusted: readonly string[],
): void {
  writeFileAtomically(OVERRIDING_FILE, [...overriding].join("\n"), { mode: 0o644 });
  assemble({ overriding, trusted, apiKey: variables.ANTHROPIC_API_KEY }, variables);
}

/**
 * `parhelia-container assemble-session`, as root: brings the configuration of a session at work up to date
 * with the volume's, its MCP servers included. What the session changed itself stays; it can be run again at
 * any time. Prints an `AssembledSession`.
 */
export function assembleSession(): void {
  try {
    // In a sandbox that is still starting, init is about to do all of it.
    if (existsSync(OVERRIDING_FILE)) assembleAgain();
    tellInitToReload();
    const assembled: AssembledSession = { runningClaudes: claudeCommandLines().length };
    process.stdout.write(`${JSON.stringify(assembled)}\n`);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    process.stderr.write(`parhelia-container assemble-session: ${error.message}\n`);
    process.exitCode = 1;
  }
}

function assembleAgain(): void {
  const overriding = new Set(readFileSync(OVERRIDING_FILE, "utf8").split("\n"));
  assemble({ overriding, trusted: [], apiKey: undefined }, process.env as Environment);
}

function assemble(
  options: Pick<SessionConfigOptions, "overriding" | "trusted" | "apiKey">,
  environment: Environment,
): void {
  const port = metricsPort(environment);
  assembleSessionConfig({
    ...options,
    from: CLAUDE_DIR,
    to: SESSION_CLAUDE_DIR,
    owner: SANDBOX_USER,
    telemetry: port === undefined ? {} : telemetryVariables(port),
  });
}
