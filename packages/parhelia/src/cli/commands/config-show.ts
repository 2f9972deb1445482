import type { CommandContext } from "../command.ts";
import type { JsonOption, None } from "../command-types.ts";
import type { EffectiveValue, Source } from "../../config/load.ts";
import { relative } from "node:path";

/** `parhelia config show`: every value and where it came from. Secrets are names only, as configured. */
export async function run(
  context: CommandContext,
  _args: None,
  options: JsonOption,
): Promise<number> {
  const { values, file } = await context.loadConfig();
  if (options.json) {
    context.printJson({
      file: file ?? null,
      values: values.map(({ key, value, source }) => ({ key, value: value ?? null, source })),
    });
    return 0;
  }
  const rows = values.map((entry) => [
    entry.key,
    showValue(entry),
    showSource(entry.source, context.cwd),
  ]);
  for (const row of alignColumns(rows)) context.print(row);
  return 0;
}

function showValue({ value, unset }: EffectiveValue): string {
  if (value !== undefined) return JSON.stringify(value);
  return unset === undefined ? "-" : `- (${unset})`;
}

function showSource(source: Source, cwd: string): string {
  switch (source.kind) {
    case "default":
      return "default";
    case "file":
      return `${relative(cwd, source.path)}:${source.line}`;
    case "environment variable":
    case "flag":
      return source.name;
  }
}

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
