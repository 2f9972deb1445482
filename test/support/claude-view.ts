import {
  ASPECTS,
  type Aspect,
  type ClaudeView,
} from "../../packages/parhelia/src/parity/claude-view.ts";

type Values = readonly string[] | Readonly<Record<string, string>>;

/** A view with only these things in it, of version 2.1.330 unless told otherwise. */
export function viewOf(
  parts: Partial<Record<Aspect, Values>> & {
    readonly cwd?: string;
    readonly serverSources?: Readonly<Record<string, string>>;
  } = {},
): ClaudeView {
  const { cwd = "/work", serverSources = {}, ...aspects } = parts;
  const all: Partial<Record<Aspect, Values>> = { version: { "": "2.1.330" }, ...aspects };
  const tables = {} as Record<Aspect, ReadonlyMap<string, string>>;
  for (const aspect of ASPECTS) tables[aspect] = tableOf(all[aspect] ?? {});
  return {
    ...tables,
    cwd,
    serverSources: new Map(Object.entries(serverSources)),
  };
}

function tableOf(values: Values): Map<string, string> {
  if (Array.isArray(values))
    return new Map((values as readonly string[]).map((name) => [name, ""]));
  return new Map(Object.entries(values as Readonly<Record<string, string>>));
}
