import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MCP_CONFIG_FILE, pathInVolume } from "../../volume/layout.ts";
import type { SyncItem } from "../sync-tree.ts";
import type { CommandReader } from "./command-reader.ts";
import type { FileCollector } from "./file-collector.ts";
import { formatJson, isObject } from "./json-file.ts";
import { readMcpServers } from "./mcp-servers.ts";
import type { McpServers } from "./mcp-servers.ts";
import { planItem, withOnlyRewrites } from "./plan-item.ts";
import { mcpFileShape } from "./settings-shape.ts";
import type { Sources } from "./sources.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** What collecting MCP servers needs. */
export interface McpConfigParts {
  readonly sources: Sources;
  readonly user: UserConfiguration;
  readonly collector: FileCollector;
  readonly commands: CommandReader;
  /** The project whose `.mcp.json` is looked at. */
  readonly cwd: string;
}

/**
 * Makes `mcp_config.json` of the user's servers (SPEC-01.13 step 3), with what the user's own
 * `mcp_config.json` says of them, and accounts for all other servers.
 */
export function collectMcpConfig(parts: McpConfigParts): readonly SyncItem[] {
  const { sources, user, collector, commands, cwd } = parts;
  const { claudeJson, mcpOverrides } = sources;
  const read = readMcpServers(
    withOverrides(claudeJson?.mcpServers ?? {}, mcpOverrides?.mcpServers ?? {}),
    { commands, needLogin: serversThatNeedLogin(user) },
  );
  if (Object.keys(read.servers).length > 0 || mcpOverrides !== undefined) {
    const content = formatJson({ mcpServers: read.servers });
    collector.addContent(pathInVolume(MCP_CONFIG_FILE), content);
  }
  return [
    ...read.items,
    ...localServers(claudeJson?.projects ?? {}),
    ...projectServers(cwd, commands),
    ...connectors(claudeJson?.claudeAiMcpEverConnected ?? []),
  ];
}

/** A server's own keys, such as `start`, are laid over it; a server that only stands there is added. */
function withOverrides(
  servers: McpServers,
  overrides: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
): McpServers {
  const names = new Set([...Object.keys(servers), ...Object.keys(overrides)]);
  return Object.fromEntries(
    [...names].map((name) => [name, { ...servers[name], ...overrides[name] }]),
  );
}

/** Servers that the user added for one directory of this machine only. */
function localServers(
  projects: NonNullable<NonNullable<Sources["claudeJson"]>["projects"]>,
): SyncItem[] {
  return Object.entries(projects).flatMap(([directory, { mcpServers }]) =>
    Object.keys(mcpServers ?? {}).map((name) =>
      planItem("mcp-server", `${name} (only in ${directory})`, {
        findings: [
          {
            verdict: "only-here",
            note: "added for this directory of this machine; claude mcp add --scope user makes it yours everywhere",
          },
        ],
      }),
    ),
  );
}

/** The project's own servers travel with its files; the plan says what they need. */
function projectServers(cwd: string, commands: CommandReader): readonly SyncItem[] {
  const file = join(cwd, ".mcp.json");
  const parsed = mcpFileShape.safeParse(readJson(file));
  if (!parsed.success) return [];
  return readMcpServers(parsed.data.mcpServers ?? {}, {
    commands,
    nameOf: (name) => `${name} (project)`,
    finding: { verdict: "portable", note: "it travels with the project's files" },
  }).items.map((item) => withOnlyRewrites(item, () => false));
}

/** Connectors belong to the claude.ai account, and come with a login to it. */
function connectors(names: readonly string[]): SyncItem[] {
  return names.map((name) =>
    planItem("mcp-server", name, {
      findings: [
        {
          verdict: "needs-login",
          note: "a connector of your claude.ai account: it comes with a login",
        },
      ],
    }),
  );
}

/** What Claude Code noted down when a server refused it without a login. */
function serversThatNeedLogin({ configDir }: UserConfiguration): ReadonlySet<string> {
  const noted = readJson(join(configDir, "mcp-needs-auth-cache.json"));
  return new Set(isObject(noted) ? Object.keys(noted) : []);
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
