import { existsSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { PLUGIN_CACHE_DIR, pathInVolume } from "../../volume/layout.ts";
import type { CommandReader, Finding } from "../layer4-runtime-config/command-reader.ts";
import type { FileCollector } from "../layer4-runtime-config/file-collector.ts";
import type { JsonObject } from "../layer4-runtime-config/json-file.ts";
import type { PathMap } from "../layer4-runtime-config/path-map.ts";
import { planItem } from "../layer4-runtime-config/plan-item.ts";
import type { InstalledPlugin, InstalledPlugins } from "../layer4-runtime-config/settings-shape.ts";
import type { PluginSource, SyncItem } from "../sync-tree.ts";
import { repositoryOf } from "./git-clone.ts";
import type { Marketplace } from "./marketplaces.ts";
import { readOptionalJson, readPluginContents } from "./plugin-contents.ts";

/** What collecting plugins gave. */
interface CollectedPlugins {
  /** The registry as the sandbox has it. */
  readonly registry: JsonObject;
  readonly items: readonly SyncItem[];
  readonly sources: readonly PluginSource[];
}

/** What collecting plugins needs. */
export interface PluginParts {
  readonly paths: PathMap;
  readonly collector: FileCollector;
  readonly commands: CommandReader;
  readonly marketplaces: readonly Marketplace[];
  /** `enabledPlugins` of the settings. */
  readonly enabled: Readonly<Record<string, unknown>>;
}

/** Makes known where the installed plugins will be. */
export function placePlugins(installed: InstalledPlugins, paths: PathMap): void {
  for (const [id, installations] of Object.entries(installed.plugins)) {
    for (const { installPath, version } of installations.filter(isUsers)) {
      if (paths.find(installPath) !== undefined) continue;
      const [plugin = id, marketplace = "unknown"] = id.split("@");
      paths.add(
        installPath,
        `${pathInVolume(PLUGIN_CACHE_DIR)}/${marketplace}/${plugin}/${version ?? "unknown"}`,
      );
    }
  }
}

/** Collects the plugins that are installed for the user, at the versions that are registered. */
export function collectPlugins(installed: InstalledPlugins, parts: PluginParts): CollectedPlugins {
  const items: SyncItem[] = [];
  const sources: PluginSource[] = [];
  const plugins: Record<string, readonly InstalledPlugin[]> = {};
  for (const [id, installations] of Object.entries(installed.plugins)) {
    const ofUser = installations.filter(isUsers);
    items.push(
      ...installations
        .filter((installation) => !isUsers(installation))
        .map(({ projectPath, scope }) => projectItem(id, projectPath ?? scope)),
    );
    for (const installation of ofUser) {
      items.push(...collectPlugin(id, installation, parts));
      const source = ownSource(id, installation, parts);
      if (source !== undefined) sources.push(source);
    }
    if (ofUser.length > 0) {
      plugins[id] = ofUser.map((installation) => ({
        ...installation,
        installPath: parts.paths.find(installation.installPath) ?? installation.installPath,
      }));
    }
  }
  return { registry: { ...installed, plugins }, items, sources };
}

function isUsers({ scope }: InstalledPlugin): boolean {
  return scope === "user" || scope === "managed";
}

function projectItem(id: string, project: string): SyncItem {
  const note = `installed for ${project} only: the project's .claude/settings.json brings it`;
  return planItem("plugin", id, { findings: [{ verdict: "only-here", note }] });
}

function collectPlugin(
  id: string,
  { installPath }: InstalledPlugin,
  { paths, collector, commands, enabled, marketplaces }: PluginParts,
): SyncItem[] {
  const place = paths.find(installPath) ?? installPath;
  if (!existsSync(installPath)) {
    const note = `${installPath} does not exist; install it again: claude plugin install ${id}`;
    return [planItem("plugin", id, { findings: [{ verdict: "only-here", note }] })];
  }
  const { sizeBytes, leftOut } = collector.collect(
    installPath,
    place.slice(paths.volumeRoot.length + 1),
  );
  const findings: Finding[] = [];
  if (leftOut > 0) findings.push({ verdict: "portable", note: `${leftOut} of its files left out` });
  if (enabled[id] !== true) findings.push({ verdict: "portable", note: "not enabled" });
  const contents = readPluginContents(id, readFrom(id, marketplaces) ?? installPath, commands);
  return [
    planItem("plugin", id, {
      findings: [...findings, ...contents.findings],
      rewrites: [{ from: installPath, to: place }],
      sizeBytes,
    }),
    ...contents.items,
  ];
}

/** What a marketplace says of its plugins. */
const marketplaceShape = z.looseObject({
  metadata: z.looseObject({ pluginRoot: z.string().optional() }).optional(),
  plugins: z.array(z.looseObject({ name: z.string(), source: z.unknown() })),
});

/** A plugin as its marketplace lists it. */
interface Listed {
  readonly marketplace: Marketplace;
  /** The marketplace's content here. */
  readonly root: string;
  readonly source: unknown;
  /** Directory in `root` that sources are relative to. */
  readonly pluginRoot: string;
}

function listedPlugin(id: string, marketplaces: readonly Marketplace[]): Listed | undefined {
  const [plugin = "", name = ""] = id.split("@");
  const marketplace = marketplaces.find((candidate) => candidate.name === name);
  if (marketplace?.root === undefined) return undefined;
  const { root } = marketplace;
  const file = join(root, ".claude-plugin", "marketplace.json");
  const listing = readOptionalJson(file, marketplaceShape);
  const source = listing?.plugins.find((candidate) => candidate.name === plugin)?.source;
  return { marketplace, root, source, pluginRoot: listing?.metadata?.pluginRoot ?? "." };
}

/** Claude Code reads a plugin of a directory marketplace there, and not the copy that an installation made. */
function readFrom(id: string, marketplaces: readonly Marketplace[]): string | undefined {
  const listed = listedPlugin(id, marketplaces);
  if (listed?.marketplace.source.source !== "directory") return undefined;
  const { root, source, pluginRoot } = listed;
  if (typeof source !== "string") return undefined;
  return [join(root, source), join(root, pluginRoot, source)].find((place) => existsSync(place));
}

/** The repository of a plugin that its marketplace only names, and does not hold. */
function ownSource(
  id: string,
  { installPath, gitCommitSha }: InstalledPlugin,
  { marketplaces, paths }: PluginParts,
): PluginSource | undefined {
  if (gitCommitSha === undefined) return undefined;
  const source = listedPlugin(id, marketplaces)?.source;
  if (typeof source !== "object" || source === null) return undefined;
  const description = source as JsonObject;
  const repository = repositoryOf(description);
  if (repository === undefined) return undefined;
  const subdirectory = description["path"];
  return {
    name: id,
    repository,
    commit: gitCommitSha,
    path: paths.find(installPath) ?? installPath,
    ...(description["source"] === "git-subdir" && typeof subdirectory === "string"
      ? { subdirectory }
      : {}),
  };
}
