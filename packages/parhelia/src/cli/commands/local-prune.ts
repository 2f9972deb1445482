import { UserError } from "../../errors.ts";
import { logLine } from "../../log.ts";
import { pruneLocal } from "../../modal/local.ts";
import type { RunCommand } from "../command.ts";
import type { LocalPruneOptions, None } from "../command-types.ts";

/** `parhelia local prune`: removes what the emulator made and no running sandbox needs. */
export const run: RunCommand<None, LocalPruneOptions> = async (_context, _args, options) => {
  if (options.volumes && !options.yes) await confirm();
  const removed = await pruneLocal({ volumes: options.volumes, secrets: options.secrets });
  logLine(
    `removed ${removed.containers} containers, ${removed.images} images, ` +
      `${removed.volumes} volumes, ${removed.secrets} secrets`,
  );
  return 0;
};

async function confirm(): Promise<void> {
  const hint = "parhelia local prune --volumes --yes, or leave --volumes out";
  if (!process.stdin.isTTY) {
    throw new UserError("removing volumes deletes work for good: it has to be confirmed", { hint });
  }
  const { confirm: ask } = await import("@inquirer/prompts");
  const message = "Delete the volumes on this machine, with all sessions' work on them?";
  if (!(await ask({ message, default: false }, { output: process.stderr }))) {
    throw new UserError("nothing was removed", { hint });
  }
}
