import { collectConfiguration } from "../../layers/layer4-runtime-config/collect-configuration.ts";
import { checkParity } from "../../parity/check-parity.ts";
import { findClaude } from "../../parity/look-here.ts";
import { requireSession, withConnection } from "../../sandbox/session.ts";
import { untilAborted } from "../../sandbox/until-aborted.ts";
import { actOn } from "../acting.ts";
import type { CommandContext } from "../command.ts";
import type { JsonOption } from "../command-types.ts";
import { parityLines } from "./print-parity.ts";

/** `parhelia doctor NAME`. @returns 1 when something differs for no known reason */
export async function compareWithSession(
  context: CommandContext,
  name: string,
  { json }: JsonOption,
): Promise<number> {
  const { cwd, env, signal } = context;
  const loaded = await context.loadConfig();
  const { image, sync, volume } = loaded.config;
  const claude = findClaude(env, cwd);
  const collected = collectConfiguration({ env, cwd, allow: sync.allow, imagePackages: image });
  const report = await withConnection(actOn(loaded), async (connection) => {
    const checked = checkParity({
      connection,
      sandbox: await requireSession(connection, name),
      session: name,
      volumeName: volume.name,
      collected,
      imagePackages: image,
      claude,
      cwd,
      env,
      signal,
    });
    return untilAborted(signal, checked);
  });
  if (json) context.printJson(report);
  else for (const line of parityLines(report, process.stdout)) context.print(line);
  return report.parity ? 0 : 1;
}
