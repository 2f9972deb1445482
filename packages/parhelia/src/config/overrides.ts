import { settingVariables } from "./environment.ts";
import type { SettingVariable } from "./environment.ts";

/** The flags that stand above `parhelia.toml` and the environment; undefined is not given. */
export interface ConfigFlags {
  /** Path of the configuration file, relative to the working directory. */
  readonly config?: string | undefined;
  readonly target?: string | undefined;
  /** A region, or several with commas between. */
  readonly region?: string | undefined;
  readonly timeout?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** A value from outside the file. */
export interface Override {
  readonly path: readonly [section: string, key?: string];
  readonly value: unknown;
  readonly source: { readonly kind: "environment variable" | "flag"; readonly name: string };
}

/** What the `PARHELIA_…` variables say. An empty one counts as not set. */
export function readVariables(env: NodeJS.ProcessEnv): Override[] {
  return settingVariables.flatMap(({ name, key, reads }) => {
    const text = env[name];
    if (text === undefined || text === "") return [];
    const [section = "", inner] = key.split(".");
    return [
      {
        path: inner === undefined ? [section] : [section, inner],
        value: readText(text, reads),
        source: { kind: "environment variable", name },
      } satisfies Override,
    ];
  });
}

export function readFlags(flags: ConfigFlags): Override[] {
  const overrides: Override[] = [];
  const add = (name: string, path: Override["path"], value: unknown): void => {
    if (value !== undefined) overrides.push({ path, value, source: { kind: "flag", name } });
  };
  const { region } = flags;
  add("--target", ["target"], flags.target);
  add("--region", ["modal", "region"], region === undefined ? undefined : readText(region, "list"));
  add("--timeout", ["sandbox", "timeout"], flags.timeout);
  for (const [name, value] of Object.entries(flags.env ?? {})) add("--env", ["env", name], value);
  return overrides;
}

/** Text that cannot be read stays text: the schema then says what it should have been. */
function readText(text: string, reads: SettingVariable["reads"]): unknown {
  if (reads === "number") {
    const number = Number(text);
    return text.trim() === "" || Number.isNaN(number) ? text : number;
  }
  return reads === "list" && text.includes(",") ? text.split(",").map((part) => part.trim()) : text;
}
