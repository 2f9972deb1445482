import { toConfig } from "./config.ts";
import type { Config } from "./config.ts";
import { findConfigFile, readConfigFile } from "./config-file.ts";
import type { ConfigFile } from "./config-file.ts";
import { readFlags, readVariables } from "./overrides.ts";
import type { ConfigFlags, Override } from "./overrides.ts";
import { describeIssue } from "./problems.ts";
import type { Problem } from "./problems.ts";
import { configSchema } from "./schema.ts";
import type { ConfigValues } from "./schema.ts";
import { settings } from "./settings.ts";
import type { ValuePath } from "./toml-document.ts";
import { UserError } from "../errors.ts";

export type { ConfigFlags } from "./overrides.ts";

/** Where a value came from. */
export type Source =
  | { readonly kind: "default" }
  | { readonly kind: "file"; readonly path: string; readonly line: number }
  | { readonly kind: "environment variable"; readonly name: string }
  | { readonly kind: "flag"; readonly name: string };

/** One value as `parhelia config show` prints it: the file's words and texts, units not parsed. */
export interface EffectiveValue {
  /** Dotted key: `sandbox.memory_mib`, `env.TZ`. */
  readonly key: string;
  /** Undefined where the key is not set and has no default; hidden where it may be a secret. */
  readonly value: unknown;
  readonly source: Source;
  /** What it means that the value is undefined. */
  readonly unset?: string | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Every key with its value and source, in the schema's order. */
  readonly values: readonly EffectiveValue[];
  /** Absolute path of the `parhelia.toml` that was read; undefined when there is none. */
  readonly file: string | undefined;
  /** For the user to read; nothing that stops work. */
  readonly warnings: readonly string[];
}

export interface LoadOptions {
  /** The search for `parhelia.toml` starts here and goes upwards. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly flags?: ConfigFlags;
}

type RawValues = Record<string, unknown>;

/**
 * Merges defaults, `parhelia.toml`, environment variables and flags, the later ones over the earlier.
 *
 * @throws UserError that names every problem with its line, variable or flag.
 */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const flags = options.flags ?? {};
  const file = findConfigFile(
    options.cwd,
    flags.config ?? (options.env["PARHELIA_CONFIG"] || undefined),
  );
  const document = file === undefined ? undefined : readConfigFile(file, options.cwd);
  // The file is checked by itself first, so that no override hides a mistake in it.
  if (document !== undefined) {
    check(document.values, ({ path }) => `${document.shownPath}:${document.lineOf(path)}: `);
  }
  const overrides = [...readVariables(options.env), ...readFlags(flags)];
  const values = check(applyOverrides(document?.values ?? {}, overrides), ({ path }) => {
    const override = findOverride(overrides, path);
    if (override !== undefined) return `${override.source.name}: `;
    return document === undefined ? "" : `${document.shownPath}:${document.lineOf(path)}: `;
  });
  const sourceOf = (path: ValuePath): Source => {
    const override = findOverride(overrides, path);
    if (override !== undefined) return override.source;
    if (document === undefined || !hasValue(document.values, path)) return { kind: "default" };
    return { kind: "file", path: document.path, line: document.lineOf(path) };
  };
  return {
    config: toConfig(values, sourceOf(["secrets", "names"]).kind !== "default"),
    values: listValues(values, sourceOf),
    file,
    warnings: document === undefined ? [] : warnAboutSecrets(document),
  };
}

function check(input: RawValues, placeOf: (problem: Problem) => string): ConfigValues {
  const result = configSchema.safeParse(input);
  if (result.success) return result.data;
  const problems = result.error.issues
    .flatMap((issue) => describeIssue(issue, input))
    .map((problem) => `${placeOf(problem)}${problem.message}`)
    .sort((first, second) => first.localeCompare(second, "en", { numeric: true }));
  throw new UserError(problems.join("\n"), {
    hint: "docs/configuration.md explains every key; parhelia config show prints what is in effect",
  });
}

function applyOverrides(values: Readonly<RawValues>, overrides: readonly Override[]): RawValues {
  const merged: RawValues = { ...values };
  for (const { path, value } of overrides) {
    const [section, key] = path;
    merged[section] =
      key === undefined ? value : { ...(merged[section] as RawValues | undefined), [key]: value };
  }
  return merged;
}

/** The last one given for this value or for what is around it. */
function findOverride(overrides: readonly Override[], path: ValuePath): Override | undefined {
  return overrides.findLast((override) =>
    override.path.every((part, index) => path[index] === part),
  );
}

function hasValue(values: Readonly<RawValues>, path: ValuePath): boolean {
  let value: unknown = values;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return false;
    value = (value as Record<string | number, unknown>)[part];
  }
  return true;
}

function listValues(values: ConfigValues, sourceOf: (path: ValuePath) => Source): EffectiveValue[] {
  return settings.flatMap(({ key, unset }): EffectiveValue[] => {
    if (key === "env") {
      return Object.entries(values.env).map(([name, value]) => ({
        key: `env.${name}`,
        value: looksLikeSecret(name) ? "(hidden)" : value,
        source: sourceOf(["env", name]),
      }));
    }
    const path = key.split(".");
    const value = path.reduce<unknown>((table, part) => (table as RawValues)[part], values);
    return [{ key, value, source: sourceOf(path), ...(value === undefined ? { unset } : {}) }];
  });
}

/** A guess by the name of an environment variable: such values are not shown, and warned about. */
function looksLikeSecret(name: string): boolean {
  return /(_KEY|_TOKEN|_SECRET|PASSWORD)$/i.test(name);
}

function warnAboutSecrets(document: ConfigFile): string[] {
  const names = Object.keys((document.values["env"] as RawValues | undefined) ?? {});
  return names
    .filter(looksLikeSecret)
    .map(
      (name) =>
        `${document.shownPath}:${document.lineOf(["env", name])}: [env] ${name} looks like a secret, ` +
        `and this file is no place for one; use: parhelia secret set NAME ${name}`,
    );
}
