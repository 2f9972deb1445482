import { logLine } from "../../log.ts";
import { setSecret } from "../../modal/secrets.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import { endOutdatedPool } from "../end-outdated-pool.ts";
import type { RunCommand } from "../command.ts";
import type { None, SecretSetArguments } from "../command-types.ts";
import { readSecretValues } from "../read-secret-values.ts";

/** `parhelia secret set`: values come from a prompt or standard input, never from arguments (D11). */
export const run: RunCommand<SecretSetArguments, None> = async (context, { name, keys }) => {
  const loaded = await context.loadConfig();
  const connection = actOn(loaded);
  const values = await readSecretValues(keys, process.stdin);
  await withConnection(connection, async (connected) => {
    await setSecret(connected, name, values);
    await endOutdatedPool(connected);
  });
  const asked = loaded.config.secrets.some((secret) => secret.name === name);
  logLine(`secret ${name} is set: ${keys.join(", ")}`);
  if (!asked) {
    logLine(`new sandboxes get it when parhelia.toml names it: [secrets] names = [..., "${name}"]`);
  }
  return 0;
};
