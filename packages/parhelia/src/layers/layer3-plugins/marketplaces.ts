import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { MARKETPLACES_DIR, pathInVolume } from "../../volume/layout.ts";
import { cleanValue, secretNote } from "../layer4-runtime-config/clean-value.ts";
import type { Finding } from "../layer4-runtime-config/command-reader.ts";
import type { FileCollector } from "../layer4-runtime-config/file-collector.ts";
import type { JsonObject } from "../layer4-runtime-config/json-file.ts";
import type { PathMap } from "../layer4-runtime-config/path-map.ts";
import { planItem } from "../layer4-runtime-config/plan-item.ts";
import type {
  KnownMarketplaces,
  MarketplaceSource,
  Settings,
} from "../layer4-runtime-config/settings-shape.ts";
import { isPrivate, realPath } from "../layer4-runtime-config/user-configuration.ts";
import type { UserConfiguration } from "../layer4-runtime-config/user-configuration.ts";
import type { PluginSource, SyncItem } from "../sync-tree.ts";
import { checkedOutCommit, repositoryOf, withoutCredentials } from "./git-clone.ts";

type Declared = NonNullable<Settings["extraKnownMarketplaces"]>;

/** A marketplace of plugins, where it lies here and in the tree. */
export interface Marketplace {
  readonly name: string;
  readonly source: MarketplaceSource;
  /** Its content here, absolute; undefined when it was never fetched, or is a whole home directory. */
  readonly root: string | undefined;
  /** Its place in the tree. */
  readonly target: string;
}

/** What collecting marketplaces gave. */
interface CollectedMarketplaces {
  /** The registry as the sandbox has it. */
  readonly registry: JsonObject;
  readonly items: readonly SyncItem[];
  readonly sources: readonly PluginSource[];
}

/** The marketplaces that are registered, and those that settings declare, with their places made known. */
export function findMarketplaces(
  known: KnownMarketplaces,
  declared: Declared,
  user: UserConfiguration,
  paths: PathMap,
): Marketplace[] {
  const entries = { ...declared, ...known };
  return Object.entries(entries).map(([name, { source, installLocation }]) => {
    const target = `${pathInVolume(MARKETPLACES_DIR)}/${name}`;
    const content = contentOf(source, installLocation);
    const isWhole = content !== undefined && isPrivate(realPath(content), user);
    const root = isWhole ? undefined : content;
    if (root !== undefined) paths.add(root, target);
    return { name, source, root: root === undefined ? undefined : realPath(root), target };
  });
}

/** Directory and file marketplaces are read where they are; all others from Claude Code's own copy. */
function contentOf(source: MarketplaceSource, installLocation: unknown): string | undefined {
  const path = source["path"];
  if (source.source === "directory" && typeof path === "string") return path;
  if (source.source === "file" && typeof path === "string") {
    const directory = dirname(path);
    return basename(directory) === ".claude-plugin" ? dirname(directory) : directory;
  }
  return typeof installLocation === "string" ? installLocation : undefined;
}

/** Collects the content of every marketplace, without the history of a clone. */
export function collectMarketplaces(
  marketplaces: readonly Marketplace[],
  known: KnownMarketplaces,
  paths: PathMap,
  collector: FileCollector,
): CollectedMarketplaces {
  const items: SyncItem[] = [];
  const sources: PluginSource[] = [];
  for (const marketplace of marketplaces) {
    const { name, root, target, source } = marketplace;
    const there = root !== undefined && existsSync(root);
    const collected = there ? collector.collect(root, target) : undefined;
    const pluginSource = there ? pluginSourceOf(marketplace, root, paths) : undefined;
    if (pluginSource !== undefined) sources.push(pluginSource);
    items.push(
      planItem("marketplace", name, {
        findings: [
          ...(collected === undefined ? [missing(name, root)] : []),
          ...sourceFindings(source, pluginSource, paths),
        ],
        rewrites: root === undefined ? [] : [{ from: root, to: paths.inVolume(target) }],
        sizeBytes: collected?.sizeBytes,
      }),
    );
  }
  const registry = Object.fromEntries(
    Object.entries(known).map(([name, entry]) => [
      name,
      {
        ...entry,
        source: sourceInVolume(entry.source, paths),
        ...(entry.installLocation === undefined
          ? {}
          : { installLocation: paths.find(entry.installLocation) ?? entry.installLocation }),
      },
    ]),
  );
  return { registry, items, sources };
}

/** `extraKnownMarketplaces` of the settings, as the sandbox has it: the same sources as the registry. */
export function declaredInVolume(declared: Declared, paths: PathMap): JsonObject {
  return Object.fromEntries(
    Object.entries(declared).map(([name, entry]) => [
      name,
      { ...entry, source: sourceInVolume(entry.source, paths) },
    ]),
  );
}

function sourceInVolume(source: MarketplaceSource, paths: PathMap): JsonObject {
  const { url } = source;
  const bare = typeof url === "string" ? { ...source, url: withoutCredentials(url) } : source;
  return cleanValue("source", bare, paths).value as JsonObject;
}

function pluginSourceOf(
  { name, source, target }: Marketplace,
  root: string,
  paths: PathMap,
): PluginSource | undefined {
  // A marketplace of source `url` is a file that was fetched, and no repository.
  const repository = source.source === "url" ? undefined : repositoryOf(source);
  const commit = checkedOutCommit(root);
  if (repository === undefined || commit === undefined) return undefined;
  return { name, repository, commit, path: paths.inVolume(target) };
}

function sourceFindings(
  source: MarketplaceSource,
  pluginSource: PluginSource | undefined,
  paths: PathMap,
): Finding[] {
  const findings: Finding[] = [];
  const { url } = source;
  if (typeof url === "string" && withoutCredentials(url) !== url) {
    const note =
      "the password in its address is not sent: parhelia secret set github-token GITHUB_TOKEN";
    findings.push({ verdict: "needs-login", note });
  }
  const bare = typeof url === "string" ? { ...source, url: withoutCredentials(url) } : source;
  for (const key of cleanValue("source", bare, paths).left) {
    findings.push({ verdict: "refused", note: secretNote(key) });
  }
  if (pluginSource !== undefined) {
    const { repository, commit } = pluginSource;
    const note = `${repository} at ${commit.slice(0, 12)}, sent as the copy that is here`;
    findings.push({ verdict: "rewritten", note });
  }
  return findings;
}

function missing(name: string, root: string | undefined): Finding {
  const where = root === undefined ? "it has no directory of its own" : `${root} does not exist`;
  const note = `${where}; fetch it with: claude plugin marketplace update ${name}`;
  return { verdict: "only-here", note };
}
