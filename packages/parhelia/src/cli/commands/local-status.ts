import { localStatus } from "../../modal/local.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia local status`: the emulator and what it holds. Starts nothing. */
export const run: RunCommand<None, JsonOption> = async (context, _args, options) => {
  const status = await localStatus();
  if (options.json) {
    context.printJson(status);
    return 0;
  }
  const { emulator } = status;
  const list = (names: readonly string[]) => (names.length === 0 ? "none" : names.join(", "));
  const rows = [
    ["emulator", emulator ? `${emulator.serverUrl}, process ${emulator.pid}` : "not running"],
    ["state", status.stateDirectory],
    ["sandboxes", list(status.runningSandboxes.map(({ id, name }) => name || id))],
    ["images", `${status.images} layers; published: ${list(status.tags)}`],
    ["volumes", list(status.volumes)],
    ["secrets", list(status.secrets)],
  ];
  for (const line of formatTable(["", ""], rows).slice(1)) context.print(line);
  return 0;
};
