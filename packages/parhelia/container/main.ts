/** The sandbox's own program (decision D4): one bundle, one sub-command a task. */
import { batch } from "./batch/batch.ts";
import { forward } from "./forward/forward.ts";
import { assembleSession } from "./init/assemble-session.ts";
import { init } from "./init/init.ts";
import { applySync } from "./sync/apply-sync.ts";

const SUBCOMMANDS: Record<string, (args: readonly string[]) => void | Promise<void>> = {
  init,
  forward,
  "apply-sync": applySync,
  "assemble-session": assembleSession,
  batch,
};

const [name = "", ...args] = process.argv.slice(2);
const subcommand = SUBCOMMANDS[name];
if (subcommand === undefined) {
  process.stderr.write(
    `parhelia-container: unknown sub-command '${name}'; one of ${Object.keys(SUBCOMMANDS).join(", ")}\n`,
  );
  process.exitCode = 2;
} else {
  await subcommand(args);
}
