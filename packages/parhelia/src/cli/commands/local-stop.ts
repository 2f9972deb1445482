import { logLine } from "../../log.ts";
import { stopLocal } from "../../modal/local.ts";
import type { RunCommand } from "../command.ts";
import type { None } from "../command-types.ts";

/** `parhelia local stop`: ends the sandboxes on this machine and the emulator. */
export const run: RunCommand<None, None> = async () => {
  const { sandboxes, emulator } = await stopLocal();
  logLine(`ended ${sandboxes} sandboxes; ${emulator ? "ended the emulator" : "no emulator ran"}`);
  logLine("volumes, images and secrets stay; parhelia local prune removes them");
  return 0;
};
