import { lockPathFor } from "../../config/lock-file.ts";
import { cpuVariant } from "../../config/variants.ts";
import { logLine } from "../../log.ts";
import { ensureImage } from "../../sandbox/image.ts";
import { removeSession } from "../../sandbox/remove-session.ts";
import { withConnection } from "../../sandbox/session.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { None, SessionArgument } from "../command-types.ts";

/** `parhelia rm`: ends a session's sandbox at once, and gives its checkpoints up. */
export const run: RunCommand<SessionArgument, None> = async (context, { name }) => {
  const loaded = await context.loadConfig();
  const { volume, image } = loaded.config;
  await withConnection(actOn(loaded), (connected) =>
    removeSession(connected, name, {
      volumeName: volume.name,
      place: async () => {
        const { client, appName } = connected;
        const appFound = client.apps.fromName(appName, { createIfMissing: true });
        const lockPath = lockPathFor(loaded.file, context.cwd);
        const request = { ...image, variant: cpuVariant, lockPath };
        const [app, found] = await Promise.all([
          appFound,
          ensureImage(connected, appFound, request),
        ]);
        return { app, image: found };
      },
    }),
  );
  logLine(`${name} is removed; its checkpoints stay until they are pruned`);
  return 0;
};
