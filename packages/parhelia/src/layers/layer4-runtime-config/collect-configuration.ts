import { join } from "node:path";
import {
  CLAUDE_DIR,
  MARKETPLACES_DIR,
  PLUGIN_CACHE_DIR,
  PLUGIN_REGISTRY_DIR,
  pathInVolume,
  VOLUME_ROOT,
} from "../../volume/layout.ts";
import { collectPlugins, placePlugins } from "../layer3-plugins/installed-plugins.ts";
import {
  collectMarketplaces,
  declaredInVolume,
  findMarketplaces,
} from "../layer3-plugins/marketplaces.ts";
import type { CollectedConfiguration, PluginSource, SyncItem } from "../sync-tree.ts";
import { CommandReader } from "./command-reader.ts";
import { ContentCache, contentCacheFile } from "./content-cache.ts";
import { collectEntries, listWhatStays } from "./entries.ts";
import { FileCollector } from "./file-collector.ts";
import { ImagePrograms } from "./image-programs.ts";
import type { ImagePackages } from "./image-programs.ts";
import { formatJson } from "./json-file.ts";
import { collectMcpConfig } from "./mcp-config.ts";
import { PathMap } from "./path-map.ts";
import { References } from "./references.ts";
import { readSettings } from "./settings.ts";
import { readSources } from "./sources.ts";
import type { Sources } from "./sources.ts";
import { findUserConfiguration } from "./user-configuration.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** What collecting needs. */
export interface CollectOptions {
  /** Says where the configuration is (`HOME`, `CLAUDE_CONFIG_DIR`) and the cache (`XDG_CACHE_HOME`). */
  readonly env: NodeJS.ProcessEnv;
  /** Where the user works: servers of a project's `.mcp.json` there are in the plan, and not sent. */
  readonly cwd: string;
  /** `[sync] allow`. */
  readonly allow: readonly string[];
  /** `[image] apt` and `pip`: what they bring is not missing. */
  readonly imagePackages: ImagePackages;
  /** Where the configuration will be; default: where sandboxes mount the volume. */
  readonly volumeRoot?: string;
}

/**
 * Collects the user's Claude configuration (SPEC-01.04): what is sent, with the paths that it has in a
 * sandbox, and the plan that accounts for every part of it. Nothing outside of the cache is written.
 *
 * @throws UserError, before anything is sent, when there is no configuration or it is malformed.
 */
export function collectConfiguration(options: CollectOptions): CollectedConfiguration {
  const user = findUserConfiguration(options.env);
  const sources = readSources(user);
  const paths = new PathMap(user, options.volumeRoot ?? VOLUME_ROOT);
  placeDirectories(user, paths);
  const { settings = {}, marketplaces: known = {}, plugins: installed = { plugins: {} } } = sources;
  const marketplaces = findMarketplaces(known, settings.extraKnownMarketplaces ?? {}, user, paths);
  placePlugins(installed, paths);

  const cache = new ContentCache(contentCacheFile(options.env, user), paths.finder());
  const collector = new FileCollector({ user, cache, paths, allow: options.allow });
  const references = new References(user, collector, paths);
  const programs = new ImagePrograms(options.imagePackages);
  const commands = new CommandReader({ user, paths, programs, references });
  const parts = { user, paths, commands, collector, references };

  const items: SyncItem[] = [];
  items.push(...collectEntries(parts));
  items.push(...addSettings(sources, parts));
  items.push(...collectMcpConfig({ ...parts, sources, cwd: options.cwd }));
  const ofMarketplaces = collectMarketplaces(marketplaces, known, paths, collector);
  const ofPlugins = collectPlugins(installed, {
    ...parts,
    marketplaces,
    enabled: settings.enabledPlugins ?? {},
  });
  items.push(...ofMarketplaces.items, ...ofPlugins.items, ...collector.items);
  items.push(...listWhatStays(parts));
  const registries = {
    "known_marketplaces.json": sources.marketplaces && ofMarketplaces.registry,
    "installed_plugins.json": sources.plugins && ofPlugins.registry,
  };
  for (const [name, registry] of Object.entries(registries)) {
    const target = `${pathInVolume(PLUGIN_REGISTRY_DIR)}/${name}`;
    if (registry !== undefined) collector.addContent(target, formatJson(registry));
  }
  cache.save();
  const sent = summarize(collector, items, [...ofMarketplaces.sources, ...ofPlugins.sources]);
  return { ...sent, inSandbox: (text) => paths.rewrite(text).text };
}

/** The directories that have another path in the sandbox, the inner ones besides the outer. */
function placeDirectories(user: UserConfiguration, paths: PathMap): void {
  paths.add(user.configDir, pathInVolume(CLAUDE_DIR));
  paths.add(user.pluginsDir, pathInVolume(PLUGIN_REGISTRY_DIR));
  paths.add(join(user.pluginsDir, "marketplaces"), pathInVolume(MARKETPLACES_DIR));
  paths.add(join(user.pluginsDir, "cache"), pathInVolume(PLUGIN_CACHE_DIR));
}

function addSettings(
  { settings }: Sources,
  parts: {
    readonly user: UserConfiguration;
    readonly paths: PathMap;
    readonly commands: CommandReader;
    readonly collector: FileCollector;
  },
): readonly SyncItem[] {
  if (settings === undefined) return [];
  const { extraKnownMarketplaces, ...others } = settings;
  const read = readSettings(others, parts);
  const content =
    extraKnownMarketplaces === undefined
      ? read.settings
      : {
          ...read.settings,
          extraKnownMarketplaces: declaredInVolume(extraKnownMarketplaces, parts.paths),
        };
  parts.collector.addContent(`${pathInVolume(CLAUDE_DIR)}/settings.json`, formatJson(content));
  return read.items;
}

function summarize(
  { tree }: FileCollector,
  items: readonly SyncItem[],
  pluginSources: readonly PluginSource[],
) {
  let sizeBytes = 0;
  for (const { size } of tree.values()) sizeBytes += size;
  return { tree, plan: { items, fileCount: tree.size, sizeBytes }, pluginSources };
}
