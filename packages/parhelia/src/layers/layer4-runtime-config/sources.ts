import { lstatSync } from "node:fs";
import { join } from "node:path";
import type * as z from "zod";
import { UserError } from "../../errors.ts";
import { readJsonFile } from "./json-file.ts";
import {
  claudeJsonShape,
  installedPluginsShape,
  knownMarketplacesShape,
  mcpOverridesShape,
  settingsShape,
} from "./settings-shape.ts";
import type { InstalledPlugins, KnownMarketplaces, Settings } from "./settings-shape.ts";
import { isWithin, realPath } from "./user-configuration.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** The JSON files of a configuration, checked. Undefined: the user has none. */
export interface Sources {
  readonly settings: Settings | undefined;
  readonly claudeJson: z.output<typeof claudeJsonShape> | undefined;
  /** The user's own `mcp_config.json`. */
  readonly mcpOverrides: z.output<typeof mcpOverridesShape> | undefined;
  readonly marketplaces: KnownMarketplaces | undefined;
  readonly plugins: InstalledPlugins | undefined;
}

/**
 * Reads all of them before anything else happens: with malformed settings Claude Code would run without
 * the user's permission rules, and nobody would notice.
 *
 * @throws UserError that names the file and the place in it
 */
export function readSources(user: UserConfiguration): Sources {
  const read = <Shape extends z.ZodType>(
    path: string,
    shape: Shape,
  ): z.output<Shape> | undefined => {
    requireInside(path, user);
    return readJsonFile(path, shape);
  };
  return {
    settings: read(join(user.configDir, "settings.json"), settingsShape),
    claudeJson: read(user.claudeJson, claudeJsonShape),
    mcpOverrides: read(join(user.configDir, "mcp_config.json"), mcpOverridesShape),
    marketplaces: read(join(user.pluginsDir, "known_marketplaces.json"), knownMarketplacesShape),
    plugins: read(join(user.pluginsDir, "installed_plugins.json"), installedPluginsShape),
  };
}

/** A link out of the home directory is refused for every file; without these ones, nothing can be sent. */
function requireInside(path: string, user: UserConfiguration): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return;
  const real = realPath(path);
  if ([user.home, user.configDir].some((base) => isWithin(real, realPath(base)))) return;
  throw new UserError(`${path} is a symbolic link to ${real}, outside of your home directory`, {
    hint: `put a copy in its place: cp --remove-destination ${real} ${path}`,
  });
}
