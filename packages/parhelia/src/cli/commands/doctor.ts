import { styleText } from "node:util";
import type { Target } from "../../config/config.ts";
import { ParheliaError } from "../../errors.ts";
import { failure, ok } from "../doctor/check.ts";
import type { Check } from "../doctor/check.ts";
import { checkClaudeConfiguration } from "../doctor/claude-configuration.ts";
import { checkEngine } from "../doctor/engine.ts";
import { checkDiskSpace, checkNode } from "../doctor/machine.ts";
import { compareWithSession } from "../doctor/compare-with-session.ts";
import { checkModalCredentials } from "../doctor/modal-credentials.ts";
import { checkClock, checkNpmRegistry } from "../doctor/registry.ts";
import type { CommandContext } from "../command.ts";
import type { DoctorArguments, JsonOption } from "../command-types.ts";

/**
 * `parhelia doctor`: checks all that the target needs; with the name of a session, compares its Claude Code with
 * the user's own. Status 1 when something of that fails, or differs for no known reason.
 */
export async function run(
  context: CommandContext,
  { name }: DoctorArguments,
  options: JsonOption,
): Promise<number> {
  if (name !== undefined) return compareWithSession(context, name, options);
  const { check: configuration, target } = await checkConfiguration(context);
  const npm = { cwd: context.cwd, env: context.env };
  const ofTheTarget =
    target === "modal"
      ? [checkModalCredentials(context.env)]
      : [checkEngine(), checkDiskSpace(context.env)];
  const checks = [
    checkNode(process.version),
    configuration,
    ...(await Promise.all([...ofTheTarget, checkNpmRegistry(npm), checkClock(npm)])),
    ...checkClaudeConfiguration(context.env),
  ];
  const healthy = checks.every(({ status }) => status !== "failure");
  if (options.json) context.printJson({ target, healthy, checks });
  else printChecks(context, checks);
  return healthy ? 0 : 1;
}

/** A configuration that cannot be read is a finding like any other; the rest is checked all the same. */
async function checkConfiguration(
  context: CommandContext,
): Promise<{ check: Check; target: Target }> {
  try {
    const { config, file } = await context.loadConfig();
    const place = file ?? "no parhelia.toml, which is fine";
    return {
      check: ok("configuration", `${place}; target ${config.target}`),
      target: config.target,
    };
  } catch (error) {
    if (!(error instanceof ParheliaError)) throw error;
    return { check: failure("configuration", error.message, error.hint), target: "local" };
  }
}

const COLORS = { ok: "green", warning: "yellow", failure: "red" } as const;

function printChecks(context: CommandContext, checks: readonly Check[]): void {
  for (const { name, status, detail, mend } of checks) {
    const label = styleText(COLORS[status], status.padEnd(7), { stream: process.stdout });
    const [first = "", ...more] = detail.split("\n");
    context.print(`${label}  ${name.padEnd(17)}  ${first}`);
    for (const line of more) context.print(`${" ".repeat(28)}${line}`);
    if (mend !== undefined) context.print(`${" ".repeat(28)}mend: ${mend}`);
  }
}
