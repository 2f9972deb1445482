import type { Rewrite, SyncItem } from "../sync-tree.ts";
import { addressFindings } from "./addresses.ts";
import type { CommandReader, Finding } from "./command-reader.ts";
import { McpSecrets } from "./mcp-secrets.ts";
import { planItem } from "./plan-item.ts";
import type { McpServerEntry } from "./settings-shape.ts";

/** MCP servers by name. */
export type McpServers = Readonly<Record<string, McpServerEntry>>;

export interface ReadMcpServers {
  readonly servers: McpServers;
  readonly items: readonly SyncItem[];
}

export interface McpServersOptions {
  readonly commands: CommandReader;
  /** Servers that asked for a login on this machine. */
  readonly needLogin?: ReadonlySet<string>;
  /** Variables that their commands may begin with, such as CLAUDE_PLUGIN_ROOT. */
  readonly variables?: Readonly<Record<string, string>>;
  /** How the plan names a server. */
  readonly nameOf?: (name: string) => string;
  /** What holds for all of them. */
  readonly finding?: Finding;
}

/** What one part of a server's entry is in the sandbox. */
interface ReadPart {
  readonly entry: McpServerEntry;
  readonly rewrites: readonly Rewrite[];
  readonly findings: readonly Finding[];
}

/** Variables that every sandbox has. */
const PRESENT_VARIABLES = new Set(
  "HOME PATH USER SHELL LANG PWD TMPDIR CLAUDE_CONFIG_DIR CLAUDE_PROJECT_DIR CLAUDE_PLUGIN_ROOT CLAUDE_PLUGIN_DATA".split(
    " ",
  ),
);

/**
 * Reads MCP servers: paths exchanged, secrets replaced by `${VAR}`, which Claude Code and the launcher
 * expand, and an item for each. Every server stays, so that a missing one is seen to be missing.
 */
export function readMcpServers(servers: McpServers, options: McpServersOptions): ReadMcpServers {
  const items: SyncItem[] = [];
  const secrets = new McpSecrets();
  const read = Object.entries(servers).map(([name, entry]) => {
    const clean = secrets.clean(name, entry);
    const { entry: there, rewrites, findings } = exchangePaths(clean.entry, options);
    items.push(
      planItem("mcp-server", options.nameOf?.(name) ?? name, {
        rewrites,
        findings: [
          ...(options.finding === undefined ? [] : [options.finding]),
          ...loginFindings(name, entry, options.needLogin),
          ...clean.findings,
          ...variableFindings(entry),
          ...findings,
        ],
      }),
    );
    return [name, there] as const;
  });
  return { servers: Object.fromEntries(read), items };
}

function exchangePaths(entry: McpServerEntry, options: McpServersOptions): ReadPart {
  const parts = [readStdio, readEnvironment, readHttp];
  return parts.reduce<ReadPart>(
    (before, read) => {
      const { entry: after, rewrites, findings } = read(before.entry, options);
      return {
        entry: after,
        rewrites: [...before.rewrites, ...rewrites],
        findings: [...before.findings, ...findings],
      };
    },
    { entry, rewrites: [], findings: [] },
  );
}

function readStdio(entry: McpServerEntry, { commands, variables }: McpServersOptions): ReadPart {
  if (entry.command === undefined) return { entry, rewrites: [], findings: [] };
  const read = commands.readProgram(entry.command, entry.args ?? [], variables);
  const { program, args, rewrites, findings } = read;
  return {
    entry: { ...entry, command: program, ...(entry.args === undefined ? {} : { args: [...args] }) },
    rewrites,
    findings,
  };
}

function readEnvironment(entry: McpServerEntry, { commands }: McpServersOptions): ReadPart {
  const { env } = entry;
  if (env === undefined) return { entry, rewrites: [], findings: [] };
  // A server's PATH names directories of this machine, and would hide the sandbox's.
  const { PATH: path, ...others } = env;
  const read = Object.entries(others).map(
    ([name, value]) => [name, commands.readPath(value)] as const,
  );
  const dropped: Finding = {
    verdict: "only-here",
    note: "its PATH is of this machine, and left out",
  };
  return {
    entry: { ...entry, env: Object.fromEntries(read.map(([name, { text }]) => [name, text])) },
    rewrites: read.flatMap(([, { rewrites }]) => rewrites),
    findings: [
      ...read.flatMap(([, { findings }]) => findings),
      ...(path === undefined ? [] : [dropped]),
    ],
  };
}

function readHttp(entry: McpServerEntry, { commands }: McpServersOptions): ReadPart {
  const findings = entry.url === undefined ? [] : addressFindings(entry.url);
  if (entry.headersHelper === undefined) return { entry, rewrites: [], findings };
  const helper = commands.read(entry.headersHelper);
  return {
    entry: { ...entry, headersHelper: helper.text },
    rewrites: helper.rewrites,
    findings: [...findings, ...helper.findings],
  };
}

function loginFindings(
  name: string,
  entry: McpServerEntry,
  needLogin: ReadonlySet<string> | undefined,
): Finding[] {
  if (entry.url === undefined) return [];
  if (entry["oauth"] === undefined && needLogin?.has(name) !== true) return [];
  const note =
    "it wants a login, which stays on this machine: /mcp in the sandbox's Claude logs in";
  return [{ verdict: "needs-login", note }];
}

/** Variables that the entry takes from the environment, without a default. */
function variableFindings(entry: McpServerEntry): Finding[] {
  const text = JSON.stringify([entry.command, entry.args, entry.env, entry.url, entry.headers]);
  const names = new Set([...text.matchAll(/\$\{([A-Za-z_]\w*)\}/g)].map(([, name = ""]) => name));
  return [...names]
    .filter((name) => !PRESENT_VARIABLES.has(name))
    .map((name) => ({
      verdict: "needs-login",
      note: `it takes ${name} from the environment: set it under [env] in parhelia.toml, or with parhelia secret set`,
    }));
}
