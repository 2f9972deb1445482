import { logLine } from "../../log.ts";
import { ensureLocalEmulator } from "../../modal/local.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";

/**
 * `parhelia local serve`: starts the emulator where none runs, and prints what other Modal clients need to
 * use it. It goes on until `parhelia local stop`.
 */
export const run: RunCommand<None, JsonOption> = async (context, _args, options) => {
  const { serverUrl, tokenId, tokenSecret, pid } = await ensureLocalEmulator();
  const variables = {
    MODAL_SERVER_URL: serverUrl,
    MODAL_TOKEN_ID: tokenId,
    MODAL_TOKEN_SECRET: tokenSecret,
  };
  logLine(`the emulator serves ${serverUrl} (process ${pid}) until: parhelia local stop`);
  if (options.json) {
    context.printJson(variables);
  } else {
    for (const [name, value] of Object.entries(variables)) context.print(`export ${name}=${value}`);
  }
  return 0;
};
