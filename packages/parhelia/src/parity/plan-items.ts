import { dirname } from "node:path";
import type { SyncItem, SyncItemKind, SyncVerdict } from "../layers/sync-tree.ts";
import { CLAUDE_DIR } from "../volume/layout.ts";
import type { Difference } from "./compare-views.ts";
import type { Explanation } from "./evidence.ts";

/** What a verdict of the plan means for what is not there, or not the same, and what to do. */
const VERDICTS: Readonly<
  Record<Exclude<SyncVerdict, "portable" | "rewritten">, { why: string; remedy?: string }>
> = {
  // The plan says of what may be sent all the same how that is done.
  refused: { why: "it was not sent" },
  "only-here": { why: "it is only on this machine" },
  "needs-install": {
    why: "it needs something installed",
    remedy: "afterwards: parhelia image build, and start the session again",
  },
  "needs-login": { why: "it needs a login or a secret" },
};

/** Why the plan says that an item does not work in a sandbox; undefined when it says that it does. */
export function explainPlanItem({ verdict, detail }: SyncItem): Explanation | undefined {
  if (verdict === "portable" || verdict === "rewritten") return undefined;
  const { why, remedy } = VERDICTS[verdict];
  return { cause: detail === "" ? why : `${why}: ${detail}`, remedy };
}

/** The item of the plan that a difference is about, where it explains one. */
export function planItemOf(
  difference: Difference,
  plan: readonly SyncItem[],
  serverSource: string | undefined,
): SyncItem | undefined {
  return plan.find(
    (item) =>
      explainPlanItem(item) !== undefined &&
      itemNames(difference, serverSource).some(
        ({ kind, name }) =>
          item.kind === kind &&
          (typeof name === "string" ? item.name === name : name.test(item.name)),
      ),
  );
}

/** How the plan may name what differs. */
function itemNames(
  { aspect, name }: Difference,
  serverSource: string | undefined,
): { readonly kind: SyncItemKind; readonly name: string | RegExp }[] {
  // Claude Code shows a command of a folder as FOLDER:COMMAND.
  const inFolders = name.replaceAll(":", "/");
  switch (aspect) {
    case "mcpServers":
      return [{ kind: "mcp-server", name: serverName(name, serverSource) }];
    case "plugins":
      return [{ kind: "plugin", name }];
    case "skills":
    case "slashCommands":
      return [
        { kind: "skill", name },
        { kind: "command", name: inFolders },
        ...[...around(`skills/${name}/SKILL.md`), ...around(`commands/${inFolders}.md`)].map(
          ofFile,
        ),
      ];
    case "agents":
      return [{ kind: "agent", name }, ...around(`agents/${name}.md`).map(ofFile)];
    case "memoryFiles":
      return name.startsWith(`${CLAUDE_DIR}/`)
        ? around(name.slice(CLAUDE_DIR.length + 1)).map(ofFile)
        : [];
    case "version":
    case "model":
    case "permissionMode":
    case "outputStyle":
    case "tools":
      return [];
  }
}

/** A path and those of the directories around it: what is left out may be a whole directory. */
function around(path: string): string[] {
  const parent = dirname(path);
  return parent === "." ? [path] : [path, ...around(parent)];
}

function ofFile(name: string): { readonly kind: SyncItemKind; readonly name: string } {
  return { kind: "file", name };
}

/** Claude Code says `plugin:PLUGIN:SERVER` where the plan says `PLUGIN@MARKETPLACE SERVER`. */
function serverName(name: string, source: string | undefined): string | RegExp {
  const [, plugin, server] = /^plugin:([^:]+):(.+)$/.exec(name) ?? [];
  if (plugin !== undefined && server !== undefined) {
    return new RegExp(`^${escape(plugin)}@\\S+ ${escape(server)}$`, "u");
  }
  if (source === "project") return `${name} (project)`;
  return source === "local" ? new RegExp(`^${escape(name)} \\(only in `, "u") : name;
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** Whether a skill, command or agent of this name is in the user's own configuration. */
export function wasConfigured(name: string, plan: readonly SyncItem[]): boolean {
  return plan.some(
    (item) =>
      ["skill", "command", "agent"].includes(item.kind) && item.name.replaceAll("/", ":") === name,
  );
}

/** What Claude Code does not show of itself, and the plan knows: by the names of a report. */
const UNSEEN: Partial<Record<SyncItemKind, "hooks" | "settings">> = {
  hook: "hooks",
  "status-line": "settings",
  helper: "settings",
  setting: "settings",
};

/** A part of the configuration that shows in no event. */
export interface UnseenPart {
  readonly aspect: "hooks" | "settings";
  readonly item: SyncItem;
  /** Undefined: it works in the sandbox. */
  readonly explanation: Explanation | undefined;
}

/** Hooks, and settings that name programs or values. */
export function unseenParts(plan: readonly SyncItem[]): UnseenPart[] {
  return plan.flatMap((item) => {
    const aspect = UNSEEN[item.kind];
    return aspect === undefined ? [] : [{ aspect, item, explanation: explainPlanItem(item) }];
  });
}
