import { listSecrets } from "../../modal/secrets.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";
import { formatTable } from "../table.ts";

/** `parhelia secret ls`: names and keys, never values (SPEC-01.14). */
export const run: RunCommand<None, JsonOption> = async (context, _args, options) => {
  const secrets = await withConnection(actOn(await context.loadConfig()), listSecrets);
  if (options.json) {
    context.printJson(secrets);
    return 0;
  }
  const rows = secrets.map(({ name, keys }) => [name, keys.join(" ")]);
  for (const line of formatTable(["NAME", "KEYS"], rows)) context.print(line);
  return 0;
};
