import * as z from "zod";

const command = z.looseObject({ type: z.literal("command"), command: z.string() });

const rules = z.array(z.string()).optional();

const marketplaceSource = z.looseObject({ source: z.string() });

/** Names of marketplaces become names of directories. */
const directoryName = z
  .string()
  .regex(/^(?!\.{1,2}$)[^/\\\0]+$/, "the name cannot be the name of a directory");

/** What of `settings.json` the sync looks into. Keys that are not here are passed on as they are. */
export const settingsShape = z.looseObject({
  env: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  hooks: z
    .record(
      z.string(),
      z.array(
        z.looseObject({
          matcher: z.string().optional(),
          hooks: z.array(z.looseObject({ type: z.string(), command: z.string().optional() })),
        }),
      ),
    )
    .optional(),
  permissions: z
    .looseObject({ allow: rules, deny: rules, ask: rules, additionalDirectories: rules })
    .optional(),
  statusLine: command.optional(),
  subagentStatusLine: command.optional(),
  fileSuggestion: command.optional(),
  apiKeyHelper: z.string().optional(),
  proxyAuthHelper: z.string().optional(),
  awsCredentialExport: z.string().optional(),
  awsAuthRefresh: z.string().optional(),
  gcpAuthRefresh: z.string().optional(),
  otelHeadersHelper: z.string().optional(),
  enabledPlugins: z.record(z.string(), z.unknown()).optional(),
  extraKnownMarketplaces: z
    .record(directoryName, z.looseObject({ source: marketplaceSource }))
    .optional(),
});

/** Where a marketplace comes from. */
export type MarketplaceSource = z.output<typeof marketplaceSource>;

/** A person's `settings.json`. */
export type Settings = z.output<typeof settingsShape>;

const mcpServer = z.looseObject({
  type: z.string().optional(),
  command: z.string().optional(),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  url: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  headersHelper: z.string().optional(),
});

/** An MCP server as Claude Code configures it. */
export type McpServerEntry = z.output<typeof mcpServer>;

const mcpServers = z.record(z.string(), mcpServer).optional();

/** What of `.claude.json` is read: servers of the user, and of projects. */
export const claudeJsonShape = z.looseObject({
  mcpServers,
  claudeAiMcpEverConnected: z.array(z.string()).optional(),
  projects: z.record(z.string(), z.looseObject({ mcpServers })).optional(),
});

/** `.mcp.json` of a project or a plugin. */
export const mcpFileShape = z.looseObject({ mcpServers });

/** A person's own `mcp_config.json`: what it says is laid over the servers of the same name. */
export const mcpOverridesShape = z.looseObject({
  mcpServers: z
    .record(z.string(), z.looseObject({ start: z.enum(["lazy", "eager"]).optional() }))
    .optional(),
});

/** `plugins/known_marketplaces.json`. */
export const knownMarketplacesShape = z.record(
  directoryName,
  z.looseObject({ source: marketplaceSource, installLocation: z.string().optional() }),
);

/** Marketplaces that Claude Code has registered. */
export type KnownMarketplaces = z.output<typeof knownMarketplacesShape>;

/** `plugins/installed_plugins.json`. */
export const installedPluginsShape = z.looseObject({
  plugins: z.record(
    directoryName,
    z.array(
      z.looseObject({
        scope: z.string(),
        installPath: z.string(),
        version: z.string().optional(),
        projectPath: z.string().optional(),
        gitCommitSha: z.string().optional(),
      }),
    ),
  ),
});

/** Plugins that are installed: for the user, or for a project. */
export type InstalledPlugins = z.output<typeof installedPluginsShape>;
/** One installation of a plugin. */
export type InstalledPlugin = InstalledPlugins["plugins"][string][number];
