import type { SyncItem } from "../sync-tree.ts";
import type { CommandReader } from "./command-reader.ts";
import type { PathMap } from "./path-map.ts";
import { planItem } from "./plan-item.ts";
import { findSecret, replaceSecrets } from "./secrets.ts";
import type { Settings } from "./settings-shape.ts";

type Permissions = NonNullable<Settings["permissions"]>;

/**
 * Reads the permission rules: paths exchanged, no secret in them. A rule that allows a command with a
 * secret is left out, so that Claude asks; one that denies or asks covers any text in its place, so that
 * it never allows more than it did.
 */
export function readPermissions(
  permissions: Permissions,
  paths: PathMap,
  commands: CommandReader,
): { value: unknown; items: SyncItem[] } {
  const items: SyncItem[] = [];
  const value: Record<string, unknown> = { ...permissions };
  for (const list of ["allow", "deny", "ask"] as const) {
    const rules = permissions[list];
    if (rules === undefined) continue;
    const secret = rules.filter((rule) => findSecret(rule) !== undefined);
    if (secret.length > 0) items.push(secretItem(list, secret.length));
    const kept =
      list === "allow"
        ? rules.filter((rule) => !secret.includes(rule))
        : rules.map((rule) => replaceSecrets(rule, () => "*"));
    const rewritten = kept.map((rule) => paths.rewrite(rule));
    value[list] = rewritten.map(({ text }) => text);
    const rewrites = rewritten.flatMap((rule) => rule.rewrites);
    if (rewrites.length > 0) items.push(planItem("setting", `permissions ${list}`, { rewrites }));
  }
  const { additionalDirectories } = permissions;
  if (additionalDirectories !== undefined) {
    const read = additionalDirectories.map((directory) => commands.readPath(directory));
    value["additionalDirectories"] = read.map(({ text }) => text);
    items.push(
      planItem("setting", "permissions additionalDirectories", {
        rewrites: read.flatMap(({ rewrites }) => rewrites),
        findings: read.flatMap(({ findings }) => findings),
      }),
    );
  }
  return { value, items };
}

function secretItem(list: "allow" | "deny" | "ask", count: number): SyncItem {
  const rules = `${count} ${count === 1 ? "rule" : "rules"}`;
  const note =
    list === "allow"
      ? `${rules} with what looks like a secret left out: Claude will ask there`
      : `${rules} with what looks like a secret: * stands in its place`;
  return planItem("setting", `permissions ${list}`, {
    findings: [{ verdict: list === "allow" ? "refused" : "rewritten", note }],
  });
}
