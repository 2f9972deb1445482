import type { Environment } from "./session-environment.ts";
import { runAsUser } from "./user-command.ts";

/**
 * SPEC-01.13 step 2, SPEC-01.AC1: Claude Code starts, as the user that will run it.
 * @throws StepError with what it printed.
 */
export async function verifyClaudeCode(environment: Environment): Promise<void> {
  await runAsUser(["claude", "--version"], { environment });
}
