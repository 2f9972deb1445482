import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import type { CommandReader, Finding } from "../layer4-runtime-config/command-reader.ts";
import { readMcpServers } from "../layer4-runtime-config/mcp-servers.ts";
import { planItem, withOnlyRewrites } from "../layer4-runtime-config/plan-item.ts";
import { hookName } from "../layer4-runtime-config/settings.ts";
import { mcpFileShape, settingsShape } from "../layer4-runtime-config/settings-shape.ts";
import type { SyncItem } from "../sync-tree.ts";

const hooksShape = settingsShape.pick({ hooks: true });

const manifestShape = z.looseObject({
  mcpServers: z.unknown().optional(),
  hooks: z.unknown().optional(),
});

/** What a plugin brings that may need something of the sandbox. */
interface PluginContents {
  readonly items: readonly SyncItem[];
  readonly findings: readonly Finding[];
}

/** Looks into a plugin: its files are sent as they are, so this only tells what its parts need. */
export function readPluginContents(
  id: string,
  root: string,
  commands: CommandReader,
): PluginContents {
  const manifest = readOptionalJson(join(root, ".claude-plugin", "plugin.json"), manifestShape);
  const variables = { CLAUDE_PLUGIN_ROOT: root };
  const items: SyncItem[] = [];
  const findings: Finding[] = [];
  for (const servers of declared(root, ".mcp.json", manifest?.mcpServers, "mcpServers")) {
    const parsed = mcpFileShape.safeParse(servers);
    if (!parsed.success) findings.push(malformed("MCP servers"));
    const read = readMcpServers(parsed.data?.mcpServers ?? {}, {
      commands,
      variables,
      nameOf: (name) => `${id} ${name}`,
    });
    items.push(...read.items.map(asSent));
  }
  for (const hooks of declared(root, "hooks/hooks.json", manifest?.hooks, "hooks")) {
    const parsed = hooksShape.safeParse(hooks);
    if (!parsed.success) findings.push(malformed("hooks"));
    for (const [event, groups] of Object.entries(parsed.data?.hooks ?? {})) {
      for (const { matcher, hooks: ofGroup } of groups) {
        for (const { command } of ofGroup) {
          const read = commands.read(command ?? "", variables);
          const name = `${id} ${hookName(event, matcher)}`;
          items.push(asSent(planItem("hook", name, read)));
        }
      }
    }
  }
  return { items, findings };
}

/** JSON that is none of the user's own: undefined when it is missing or is not as it should be. */
export function readOptionalJson<Shape extends z.ZodType>(
  path: string,
  shape: Shape,
): z.output<Shape> | undefined {
  const value = readJson(path);
  return value === undefined ? undefined : shape.safeParse(value).data;
}

/** What stands in the usual file, in files that the manifest names, and in the manifest itself. */
function declared(root: string, usual: string, inManifest: unknown, key: string): unknown[] {
  const listed = (Array.isArray(inManifest) ? inManifest : [inManifest]) as unknown[];
  const files = new Set([usual, ...listed.filter((part) => typeof part === "string")]);
  const objects = listed.filter((part) => typeof part === "object" && part !== null);
  return [
    ...[...files].map((file) => readJson(join(root, file))),
    ...objects.map((part) => ({ [key]: part })),
  ]
    .filter((value) => value !== undefined)
    .map((value) => wrapped(value, key));
}

/** Files hold the servers or hooks under their key, or bare. */
function wrapped(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && !(key in value) ? { [key]: value } : value;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : "malformed";
  }
}

function malformed(what: string): Finding {
  return { verdict: "portable", note: `its ${what} are malformed, here as there` };
}

/** In a plugin's files, directories are exchanged as in all texts, and programs are not. */
function asSent(item: SyncItem): SyncItem {
  return withOnlyRewrites(item, ({ to }) => to.startsWith("/"));
}
