import { styleText } from "node:util";
import type { SyncItem, SyncItemKind, SyncPlan, SyncVerdict } from "../../layers/sync-tree.ts";
import { formatBytes } from "../../units.ts";
import { printable } from "../printable.ts";

/** What each verdict means to a person, the gravest first. */
const HEADINGS: Readonly<Record<SyncVerdict, string>> = {
  refused: "not sent",
  "only-here": "only on this machine",
  "needs-install": "needs something installed",
  "needs-login": "needs a login or a secret",
  rewritten: "works, with other paths",
  portable: "works as it is",
};

/** Verdicts that ask for something of the person. */
const WARNINGS: readonly SyncVerdict[] = ["refused", "only-here", "needs-install", "needs-login"];

const COLORS = {
  refused: "red",
  "only-here": "yellow",
  "needs-install": "yellow",
  "needs-login": "yellow",
  rewritten: "green",
  portable: "green",
} as const;

/** More names than these are counted; `--json` has them all. */
const MAX_NAMES = 12;

/** The whole plan, for people. */
export function planLines(plan: SyncPlan, stream: NodeJS.WriteStream): string[] {
  const verdicts = Object.keys(HEADINGS) as SyncVerdict[];
  return [
    `${plan.fileCount} files, ${formatBytes(plan.sizeBytes)}`,
    ...verdicts.flatMap((verdict) => section(verdict, plan.items, stream)),
  ];
}

/** What of the plan a person should know of. That Claude Code's own state stays is no news. */
export function warningLines(plan: SyncPlan, stream: NodeJS.WriteStream): string[] {
  const items = plan.items.filter(({ kind }) => kind !== "state");
  return WARNINGS.flatMap((verdict) => section(verdict, items, stream));
}

function section(
  verdict: SyncVerdict,
  items: readonly SyncItem[],
  stream: NodeJS.WriteStream,
): string[] {
  const ofVerdict = items.filter((item) => item.verdict === verdict);
  if (ofVerdict.length === 0) return [];
  const heading = styleText(COLORS[verdict], HEADINGS[verdict], { stream });
  return [heading, ...groups(ofVerdict).flatMap(groupLines)];
}

interface Group {
  readonly kind: SyncItemKind;
  readonly detail: string;
  readonly items: SyncItem[];
}

/** Items of one kind of which the same is to be said stand together. */
function groups(items: readonly SyncItem[]): Group[] {
  const found = new Map<string, Group>();
  for (const item of items) {
    const { kind, detail } = item;
    const alone = item.rewrites === undefined ? "" : item.name;
    const key = JSON.stringify([kind, detail, alone]);
    const group = found.get(key);
    if (group === undefined) found.set(key, { kind, detail, items: [item] });
    else group.items.push(item);
  }
  return [...found.values()];
}

function groupLines({ kind, detail, items }: Group): string[] {
  const names = items.slice(0, MAX_NAMES).map(({ name }) => name);
  const more = items.length > names.length ? ` and ${items.length - names.length} more` : "";
  const sizeBytes = items.reduce((sum, item) => sum + (item.sizeBytes ?? 0), 0);
  const size = sizeBytes === 0 ? "" : `, ${formatBytes(sizeBytes)}`;
  const said = detail === "" ? "" : `: ${detail}`;
  const rewrites = items.flatMap((item) => item.rewrites ?? []);
  return [
    `  ${kind.padEnd(KIND_WIDTH)}  ${names.join(", ")}${more}${size}${said}`,
    ...rewrites.map(({ from, to }) => `  ${" ".repeat(KIND_WIDTH)}  ${from} → ${to}`),
  ].map(printable);
}

const KIND_WIDTH = "marketplace".length;
