import { logLine } from "../../log.ts";
import { removeSecret } from "../../modal/secrets.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import { endOutdatedPool } from "../end-outdated-pool.ts";
import type { RunCommand } from "../command.ts";
import type { None, SecretNameArgument } from "../command-types.ts";

/** `parhelia secret rm`. */
export const run: RunCommand<SecretNameArgument, None> = async (context, { name }) => {
  const connection = actOn(await context.loadConfig());
  await withConnection(connection, async (connected) => {
    await removeSecret(connected, name);
    await endOutdatedPool(connected);
  });
  logLine(`secret ${name} is removed; sandboxes that run keep what they have`);
  return 0;
};
