import { pathInVolume } from "../volume/layout.ts";
import type { Aspect, ClaudeView } from "./claude-view.ts";
import type { Difference } from "./compare-views.ts";
import type { Evidence, Explanation } from "./evidence.ts";
import { explainPlanItem, planItemOf, wasConfigured } from "./plan-items.ts";

type Cause = (difference: Difference, evidence: Evidence) => Explanation | undefined;

/**
 * The first cause that holds; undefined: nothing that is known explains the difference. What is known of the
 * very thing comes before what is known of the files or variables that it may come from.
 */
export function explain(difference: Difference, evidence: Evidence): Explanation | undefined {
  for (const cause of CAUSES) {
    const explanation = cause(difference, evidence);
    if (explanation !== undefined) return explanation;
  }
  return undefined;
}

const ofVersion: Cause = ({ aspect, here }) =>
  aspect === "version"
    ? {
        cause: "the image has another version of Claude Code than this machine",
        remedy: `set claude_code = "${here ?? ""}" under [image] in parhelia.toml, then: parhelia image build, and start the session again`,
      }
    : undefined;

/** A tool goes with its MCP server. */
const ofServer: Cause = ({ aspect, name }, { here, there }) => {
  if (aspect !== "tools" || !name.startsWith("mcp__")) return undefined;
  const servers = new Set([...here.mcpServers.keys(), ...there.mcpServers.keys()]);
  const server = [...servers].find(
    (candidate) =>
      name.startsWith(`mcp__${candidate.replaceAll(/[^A-Za-z0-9_-]/g, "_")}__`) &&
      here.mcpServers.get(candidate) !== there.mcpServers.get(candidate),
  );
  return server === undefined ? undefined : { cause: `it goes with the MCP server ${server}` };
};

/** What a plugin brings goes with the plugin. */
const ofPlugin: Cause = ({ name }, evidence) => {
  const { here, there } = evidence;
  const id = pluginOf(name, evidence);
  if (id === undefined || here.plugins.has(id) === there.plugins.has(id)) return undefined;
  return { cause: `it comes with the plugin ${id}` };
};

/** `PLUGIN@MARKETPLACE` for `PLUGIN:SKILL` or `plugin:PLUGIN:SERVER`; folders of commands look the same. */
function pluginOf(name: string, { here, there }: Evidence): string | undefined {
  const [, plugin] = /^(?:plugin:)?([^:]+):/.exec(name) ?? [];
  return [...here.plugins.keys(), ...there.plugins.keys()].find(
    (id) => id.split("@")[0] === plugin,
  );
}

const ofPlan: Cause = (difference, { plan, here }) => {
  const item = planItemOf(difference, plan, here.serverSources.get(difference.name));
  return item === undefined ? undefined : explainPlanItem(item);
};

/** The keys of `settings.json` that say it. */
const SETTINGS: Partial<Record<Aspect, readonly string[]>> = {
  model: ["model"],
  permissionMode: ["permissions"],
  outputStyle: ["outputStyle"],
  tools: ["permissions"],
};

const ofSession: Cause = ({ aspect, name }, { changes, session, there }) => {
  const isChanged =
    (aspect === "mcpServers" && changes.servers.includes(name)) ||
    (aspect === "mcpServers" && there.serverSources.get(name) === "local") ||
    (aspect === "plugins" && changes.plugins.includes(name)) ||
    (SETTINGS[aspect] ?? []).some((key) => changes.settings.includes(key));
  if (!isChanged) return undefined;
  return {
    cause: `it was changed in session ${session}, and a sync leaves that alone`,
    remedy: `change it back there, or start another session: parhelia up NAME`,
  };
};

const ofEdit: Cause = ({ aspect, name }, { editedServers }) =>
  aspect === "mcpServers" && editedServers.includes(name)
    ? {
        cause: "mcp_config.json was edited on the volume, and a sync leaves that alone",
        remedy: "to have yours again: parhelia sync --overwrite-edited",
      }
    : undefined;

const ofServerState: Cause = ({ aspect, name, here, there }, { servers }) => {
  if (aspect !== "mcpServers" || here === null || there === null) return undefined;
  const status = servers.find((server) => server.name === name);
  if (status?.missingProgram != null) {
    const remedy = status.remedy ?? undefined;
    return { cause: `the sandbox has no program ${status.missingProgram}`, remedy };
  }
  if (there === "needs-auth") {
    const remedy = "/mcp in the sandbox's Claude logs in";
    return { cause: "it wants a login, and logins stay on this machine", remedy };
  }
  if (there !== "connected") return undefined;
  return { cause: "it works in the sandbox, and not here", remedy: `claude mcp get ${name}` };
};

/** Where on the volume that stands, or can be switched off, which a view shows; memory files name theirs. */
const PLACES: Record<Exclude<Aspect, "version" | "memoryFiles">, readonly string[]> = {
  model: ["config/claude/settings.json"],
  permissionMode: ["config/claude/settings.json"],
  outputStyle: ["config/claude/settings.json", "config/claude/output-styles", "plugins"],
  tools: ["config/claude/settings.json"],
  mcpServers: ["config/claude/mcp_config.json"],
  slashCommands: ["config/claude/commands", "config/claude/skills", "config/claude/workflows"],
  agents: ["config/claude/agents"],
  skills: ["config/claude/commands", "config/claude/skills", "config/claude/workflows"],
  plugins: ["config/claude/settings.json", "config/claude/plugins", "plugins"],
};

/** Those of the paths that decide about what differs. */
function deciding(
  { aspect, name }: Difference,
  paths: readonly string[],
  evidence: Evidence,
): string[] {
  if (aspect === "version") return [];
  const isOfPlugin = pluginOf(name, evidence) !== undefined;
  const places =
    aspect === "memoryFiles"
      ? [name.startsWith("/") ? pathInVolume(name) : name]
      : PLACES[isOfPlugin ? "plugins" : aspect];
  return paths.filter((path) =>
    places.some((place) => path === place || path.startsWith(`${place}/`)),
  );
}

const ofUnloaded: Cause = (difference, evidence) => {
  const { unloaded, session } = evidence;
  const paths = deciding(difference, unloaded, evidence);
  if (paths.length === 0) return undefined;
  return {
    cause: `session ${session} has not loaded what the last sync brought: ${someOf(paths)}`,
    remedy: `parhelia stop ${session}, then parhelia up ${session}`,
  };
};

const ofUnsynced: Cause = (difference, evidence) => {
  const { unsynced, isSynced } = evidence;
  const paths = deciding(difference, unsynced, evidence);
  if (paths.length === 0) return undefined;
  const cause = isSynced
    ? `it changed here since the last sync: ${someOf(paths)}`
    : "nothing was synced yet";
  return { cause, remedy: "parhelia sync" };
};

const MAX_PATHS = 3;

function someOf(paths: readonly string[]): string {
  const more = paths.length - MAX_PATHS;
  return paths.slice(0, MAX_PATHS).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Claude Code's own notes lie beside the conversations. */
const ofNotes: Cause = ({ aspect, name }) =>
  aspect === "memoryFiles" && /\/projects\/[^/]+\/memory\//.test(name)
    ? { cause: "Claude's own notes about a directory stay where they were written" }
    : undefined;

/** Built into Claude Code: not the user's, and of no plugin or server of theirs. */
function isBuiltIn({ aspect, name }: Difference, { plan }: Evidence): boolean {
  if (aspect === "plugins") return name.endsWith("@builtin");
  if (!["tools", "slashCommands", "agents", "skills"].includes(aspect)) return false;
  return !name.startsWith("mcp__") && !name.includes(":") && !wasConfigured(name, plan);
}

const ofVariables: Cause = (difference, evidence) => {
  const isModel = difference.aspect === "model";
  if (!isModel && !isBuiltIn(difference, evidence)) return undefined;
  const names = evidence.variables.filter((name) => name.includes("MODEL") === isModel);
  if (names.length === 0) return undefined;
  return {
    cause: `${names.join(", ")}: not the same here and in the sandbox`,
    remedy: "set it under [env] in parhelia.toml, or in remote.env on the volume",
  };
};

const ofOtherVersion: Cause = (difference, evidence) =>
  isBuiltIn(difference, evidence) &&
  evidence.here.version.get("") !== evidence.there.version.get("")
    ? { cause: "it is built into one version of Claude Code, and not into the other" }
    : undefined;

/** What is gone, or otherwise, where there is no project comes from the project. */
const ofProject: Cause = ({ aspect, name }, { here, there, withoutProject, cwd, session }) => {
  if (withoutProject === undefined) return undefined;
  const isOf = (view: ClaudeView, without: ClaudeView) =>
    view[aspect].get(name) !== without[aspect].get(name);
  if (isOf(here, withoutProject.here)) {
    return {
      cause: `it comes with the files around ${cwd}, which the workspace of session ${session} has not, or has otherwise`,
      remedy: "bring the project into the session's workspace, for example with git clone",
    };
  }
  if (!isOf(there, withoutProject.there)) return undefined;
  return { cause: `it comes with the files in the workspace of session ${session}` };
};

const CAUSES: readonly Cause[] = [
  ofVersion,
  ofServer,
  ofPlugin,
  ofNotes,
  ofPlan,
  ofSession,
  ofEdit,
  ofServerState,
  ofUnloaded,
  ofUnsynced,
  ofOtherVersion,
  ofVariables,
  ofProject,
];
