import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CLAUDE_DIR, pathInVolume } from "../../volume/layout.ts";
import type { SyncItem, SyncItemKind } from "../sync-tree.ts";
import type { Finding } from "./command-reader.ts";
import { CONFIG_DIRECTORIES, CONFIG_FILES, isConfigEntry, isStateEntry } from "./config-entries.ts";
import type { FileCollector } from "./file-collector.ts";
import { bringImports } from "./memory.ts";
import type { PathMap } from "./path-map.ts";
import { planItem } from "./plan-item.ts";
import type { References } from "./references.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** What collecting the entries of the configuration directory needs. */
export interface EntryParts {
  readonly user: UserConfiguration;
  readonly paths: PathMap;
  readonly collector: FileCollector;
  readonly references: References;
}

const CLAUDE_TARGET = pathInVolume(CLAUDE_DIR);

/** Directories whose parts are items of their own, and what is one part. */
const PARTS: Readonly<Record<string, { readonly kind: SyncItemKind; readonly pattern: RegExp }>> = {
  agents: { kind: "agent", pattern: /^(.+)\.md$/ },
  commands: { kind: "command", pattern: /^(.+)\.md$/ },
  skills: { kind: "skill", pattern: /^([^/]+)\/.+$/ },
};

/** Collects what a person keeps in the configuration directory. */
export function collectEntries(parts: EntryParts): SyncItem[] {
  const { user, collector } = parts;
  // Listed, and not looked up: a file system that ignores case would find claude.md under CLAUDE.md.
  const listed = listDirectory(user.configDir);
  for (const name of ["CLAUDE.md", ...CONFIG_FILES, ...CONFIG_DIRECTORIES]) {
    if (!listed.includes(name)) continue;
    collector.collect(join(user.configDir, name), `${CLAUDE_TARGET}/${name}`);
  }
  const entries = filesByEntry(collector);
  const filesOf = (name: string): readonly string[] => entries.get(name) ?? [];
  return [
    ...collectMemory([...filesOf("CLAUDE.md"), ...filesOf("rules")], parts),
    ...CONFIG_FILES.flatMap((name) => wholeEntry(name, filesOf(name), collector)),
    ...CONFIG_DIRECTORIES.flatMap((name) =>
      PARTS[name] === undefined
        ? wholeEntry(name, filesOf(name), collector)
        : partsOf(name, filesOf(name), collector),
    ),
  ];
}

/** What of the plugins' directory is sent, or read. */
const PLUGIN_ENTRIES = new Set([
  "cache",
  "installed_plugins.json",
  "known_marketplaces.json",
  "marketplaces",
]);

/** Accounts for what stays here, once all that is sent has been collected. */
export function listWhatStays({ user, collector }: EntryParts): SyncItem[] {
  const ofPlugins = listDirectory(user.pluginsDir)
    .filter((name) => !PLUGIN_ENTRIES.has(name))
    .map((name) => planItem("state", `plugins/${name}`, { findings: [STATE] }));
  const entries = filesByEntry(collector);
  const others = listDirectory(user.configDir)
    .filter((name) => !isConfigEntry(name) && name !== ".git" && name !== ".DS_Store")
    .filter((name) => !entries.has(name))
    .map((name) =>
      planItem(isStateEntry(name) ? "state" : "file", name, { findings: [whyItStays(name)] }),
    );
  return [...others, ...ofPlugins];
}

const STATE: Finding = { verdict: "only-here", note: "Claude Code's own state, never sent" };

function whyItStays(name: string): Finding {
  if (name === ".credentials.json") {
    const note =
      "credentials are never sent: parhelia secret set anthropic-api-key ANTHROPIC_API_KEY";
    return { verdict: "refused", note };
  }
  if (isStateEntry(name)) return STATE;
  const note = "not sent, since no setting, MCP server or import in CLAUDE.md names it";
  return { verdict: "only-here", note };
}

/**
 * `CLAUDE.md` and the rules may import files from all over the home directory: those come along, and the
 * imports name their new places.
 */
function collectMemory(
  files: readonly string[],
  { user, collector, references, paths }: EntryParts,
): SyncItem[] {
  const pages = files.filter((target) => target.endsWith(".md"));
  return pages.flatMap((target) => {
    const name = target.slice(CLAUDE_TARGET.length + 1);
    const path = join(user.configDir, name);
    const findings = bringImports(path, user, references);
    const { text, rewrites } = paths.rewrite(readFileSync(path, "utf8"));
    if (rewrites.length > 0) collector.addContent(target, text);
    const sizeBytes = collector.tree.get(target)?.size;
    const item = planItem("file", name, { findings, rewrites, sizeBytes });
    return name === "CLAUDE.md" || item.verdict !== "portable" ? [item] : [];
  });
}

function wholeEntry(name: string, files: readonly string[], collector: FileCollector): SyncItem[] {
  if (files.length === 0) return [];
  const note = `${files.length} ${files.length === 1 ? "file" : "files"}`;
  const findings: Finding[] = [{ verdict: "portable", note }];
  return [planItem("file", name, { findings, sizeBytes: sizeOf(files, collector) })];
}

function partsOf(name: string, files: readonly string[], collector: FileCollector): SyncItem[] {
  const { kind, pattern } = PARTS[name] ?? { kind: "file", pattern: /^(.+)$/ };
  const parts = new Map<string, string[]>();
  for (const target of files) {
    const part = pattern.exec(target.slice(CLAUDE_TARGET.length + name.length + 2))?.[1];
    if (part === undefined) continue;
    const ofPart = parts.get(part);
    if (ofPart === undefined) parts.set(part, [target]);
    else ofPart.push(target);
  }
  return [...parts].map(([part, ofPart]) =>
    planItem(kind, part, { sizeBytes: sizeOf(ofPart, collector) }),
  );
}

/** The tree's files in the configuration directory, by the entry that they are or lie in. */
function filesByEntry({ tree }: FileCollector): Map<string, string[]> {
  const entries = new Map<string, string[]>();
  for (const target of tree.keys()) {
    if (!target.startsWith(`${CLAUDE_TARGET}/`)) continue;
    const begin = CLAUDE_TARGET.length + 1;
    const end = target.indexOf("/", begin);
    const name = target.slice(begin, end < 0 ? undefined : end);
    const files = entries.get(name);
    if (files === undefined) entries.set(name, [target]);
    else files.push(target);
  }
  return entries;
}

function sizeOf(targets: readonly string[], { tree }: FileCollector): number {
  return targets.reduce((sum, target) => sum + (tree.get(target)?.size ?? 0), 0);
}

function listDirectory(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
