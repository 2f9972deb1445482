import type { Rewrite, SyncItem, SyncItemKind, SyncVerdict } from "../sync-tree.ts";
import type { Finding } from "./command-reader.ts";
import { replaceSecrets } from "./secrets.ts";

/** The gravest first: what an item with several findings is called. */
const GRAVITY: readonly SyncVerdict[] = [
  "refused",
  "only-here",
  "needs-install",
  "needs-login",
  "rewritten",
  "portable",
];

/** One item of the plan: the gravest verdict, every note, and no secret. */
export function planItem(
  kind: SyncItemKind,
  name: string,
  parts: {
    readonly findings?: readonly Finding[];
    readonly rewrites?: readonly Rewrite[];
    readonly sizeBytes?: number | undefined;
  },
): SyncItem {
  const { findings = [], sizeBytes } = parts;
  const rewrites = uniqueBy(parts.rewrites ?? [], ({ from }) => from);
  const verdicts = findings.map(({ verdict }) => verdict);
  if (rewrites.length > 0) verdicts.push("rewritten");
  const notes = uniqueBy(findings, ({ note }) => note).map(({ note }) => note);
  return {
    kind,
    name: hide(name),
    verdict: GRAVITY.find((verdict) => verdicts.includes(verdict)) ?? "portable",
    detail: hide(notes.join("; ")),
    ...(rewrites.length === 0
      ? {}
      : { rewrites: rewrites.map(({ from, to }) => ({ from: hide(from), to: hide(to) })) }),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
  };
}

/** An item of files in which only some of the rewrites are made: what the others name is only here. */
export function withOnlyRewrites(item: SyncItem, isMade: (rewrite: Rewrite) => boolean): SyncItem {
  const { rewrites = [], ...others } = item;
  const made = rewrites.filter(isMade);
  const left = rewrites.filter((rewrite) => !isMade(rewrite)).map(({ from }) => from);
  if (left.length === 0) return item;
  const note = `it names ${left.join(", ")}, which is only on this machine`;
  const detail = [item.detail, note].filter((part) => part !== "").join("; ");
  const verdict = item.verdict === "refused" ? "refused" : "only-here";
  return { ...others, verdict, detail, ...(made.length === 0 ? {} : { rewrites: made }) };
}

/** Nothing that looks like a secret leaves through the plan, wherever it stood. */
function hide(text: string): string {
  return replaceSecrets(text, () => "(hidden)");
}

function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
