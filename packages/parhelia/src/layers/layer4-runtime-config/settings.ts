import type { SyncItem, SyncItemKind } from "../sync-tree.ts";
import { cleanValue, secretNote } from "./clean-value.ts";
import type { CommandReader, Finding } from "./command-reader.ts";
import { isObject } from "./json-file.ts";
import type { JsonObject } from "./json-file.ts";
import { expandPath } from "./path-map.ts";
import type { PathMap } from "./path-map.ts";
import { readPermissions } from "./permissions.ts";
import { planItem } from "./plan-item.ts";
import { isSecretValue } from "./secrets.ts";
import { secretFinding, withoutSecrets } from "./secret-hints.ts";
import type { Settings } from "./settings-shape.ts";
import { addressFindings } from "./addresses.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** Settings as the sandbox gets them. */
export interface ReadSettings {
  readonly settings: JsonObject;
  readonly items: readonly SyncItem[];
}

/** What reading settings needs. */
export interface SettingsParts {
  readonly user: UserConfiguration;
  readonly paths: PathMap;
  readonly commands: CommandReader;
}

/** Settings whose value is a command line. */
const HELPERS = [
  "apiKeyHelper",
  "proxyAuthHelper",
  "awsCredentialExport",
  "awsAuthRefresh",
  "gcpAuthRefresh",
  "otelHeadersHelper",
] as const;

/** Settings whose value is `{ type: "command", command }`. */
const COMMANDS = {
  statusLine: "status-line",
  subagentStatusLine: "status-line",
  fileSuggestion: "helper",
} as const;

/** Variables that describe this machine; the sandbox has its own. */
const MACHINE_VARIABLES = new Set(
  "PATH HOME USER LOGNAME SHELL TMPDIR PWD CLAUDE_CONFIG_DIR CLAUDE_CODE_PLUGIN_CACHE_DIR".split(
    " ",
  ),
);

/** Reads `settings.json`: paths exchanged, secrets out, an item for all that has to be known. */
export function readSettings(settings: Settings, parts: SettingsParts): ReadSettings {
  const items: SyncItem[] = [];
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(settings)) {
    const read = readSetting(key, value, settings, parts);
    items.push(...read.items);
    if (read.value !== undefined) result[key] = read.value;
  }
  return { settings: result, items };
}

interface ReadValue {
  /** Undefined: left out. */
  readonly value: unknown;
  readonly items: readonly SyncItem[];
}

function readSetting(
  key: string,
  value: unknown,
  settings: Settings,
  parts: SettingsParts,
): ReadValue {
  if (key === "env") return readEnvironment(settings.env ?? {}, parts);
  if (key === "hooks") return readHooks(settings.hooks ?? {}, parts);
  if (key === "permissions") {
    return readPermissions(settings.permissions ?? {}, parts.paths, parts.commands);
  }
  const helper = HELPERS.find((name) => name === key);
  if (helper !== undefined && typeof value === "string") {
    const { text, item } = readCommand("helper", helper, value, parts);
    return { value: text, items: [item] };
  }
  const kind = (COMMANDS as Readonly<Record<string, SyncItemKind>>)[key];
  if (kind !== undefined && isObject(value) && typeof value["command"] === "string") {
    const { text, item } = readCommand(kind, key, value["command"], parts);
    return { value: { ...value, command: text }, items: [item] };
  }
  return readOther(key, value, parts.paths);
}

function readCommand(
  kind: SyncItemKind,
  name: string,
  command: string,
  { commands }: SettingsParts,
): { text: string; item: SyncItem } {
  const clean = withoutSecrets(command, "its command");
  const { text, rewrites, findings } = commands.read(clean.text);
  const item = planItem(kind, name, { rewrites, findings: [...clean.findings, ...findings] });
  return { text, item };
}

/**
 * Claude Code takes these values as they are, without expanding variables. So a secret is left out: the
 * sandbox's own variable then counts.
 */
function readEnvironment(
  env: Readonly<Record<string, string | number | boolean>>,
  { user, paths, commands }: SettingsParts,
): ReadValue {
  const items: SyncItem[] = [];
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    const text = String(value);
    const item = (findings: readonly Finding[]): SyncItem =>
      planItem("setting", `env ${name}`, { findings });
    if (MACHINE_VARIABLES.has(name)) {
      const note = `${name} describes this machine and is left out`;
      items.push(item([{ verdict: "only-here", note }]));
    } else if (isSecretValue(name, text)) {
      items.push(item([secretFinding("its value", name)]));
    } else if (expandPath(text, user) !== undefined) {
      const { text: there, rewrites, findings } = commands.readPath(text);
      result[name] = there;
      if (findings.length > 0 || rewrites.length > 0) {
        items.push(planItem("setting", `env ${name}`, { findings, rewrites }));
      }
    } else {
      result[name] = typeof value === "string" ? paths.rewrite(value).text : value;
    }
  }
  return { value: result, items };
}

function readHooks(hooks: NonNullable<Settings["hooks"]>, parts: SettingsParts): ReadValue {
  const items: SyncItem[] = [];
  const value = Object.fromEntries(
    Object.entries(hooks).map(([event, groups]) => [
      event,
      groups.map((group) => ({
        ...group,
        hooks: group.hooks.map((hook) => {
          const read = readHook(hook, hookName(event, group.matcher), parts);
          items.push(read.item);
          return read.hook;
        }),
      })),
    ]),
  );
  return { value, items };
}

/** A hook as the plan names it: `PreToolUse Bash|Edit`. */
export function hookName(event: string, matcher: string | undefined): string {
  return matcher === undefined || matcher === "" ? event : `${event} ${matcher}`;
}

function readHook(
  hook: JsonObject,
  name: string,
  parts: SettingsParts,
): { hook: JsonObject; item: SyncItem } {
  if (typeof hook["command"] === "string") {
    const { text, item } = readCommand("hook", name, hook["command"], parts);
    return { hook: { ...hook, command: text }, item };
  }
  const url = typeof hook["url"] === "string" ? hook["url"] : undefined;
  const findings = url === undefined ? [] : addressFindings(url);
  const { value, left } = cleanValue("hook", hook, parts.paths);
  const secrets = left.map((key): Finding => ({ verdict: "refused", note: secretNote(key) }));
  return {
    hook: value as JsonObject,
    item: planItem("hook", name, { findings: [...findings, ...secrets] }),
  };
}

/** Any other setting: paths exchanged in every text, and texts that look like secrets left out. */
function readOther(key: string, value: unknown, paths: PathMap): ReadValue {
  const { value: clean, left } = cleanValue(key, value, paths);
  return {
    value: clean,
    items: left.map((place) =>
      planItem("setting", place, { findings: [{ verdict: "refused", note: secretNote(place) }] }),
    ),
  };
}
