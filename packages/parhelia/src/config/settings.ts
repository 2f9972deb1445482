import * as z from "zod";
import { configSchema } from "./schema.ts";

/** One key of `parhelia.toml`, as the schema describes it. */
export interface Setting {
  /** Dotted key: `sandbox.memory_mib`. */
  readonly key: string;
  /** Name of the section, or undefined at the top of the file. */
  readonly section: string | undefined;
  readonly description: string;
  readonly unit: string | undefined;
  /** Undefined when leaving the key out has no value. */
  readonly defaultValue: unknown;
  /** What leaving it out means, where there is no default value. */
  readonly unset: string | undefined;
  /** A value as it stands in TOML. */
  readonly example: string | undefined;
}

export interface Section {
  readonly name: string;
  readonly description: string;
}

/** Every key, in the schema's order. `env` counts as one: a table of the user's own keys. */
export const settings: readonly Setting[] = Object.entries(configSchema.shape).flatMap(
  ([name, schema]) => {
    const inner = unwrap(schema);
    return inner instanceof z.ZodObject
      ? Object.entries(inner.shape as Readonly<Record<string, z.core.$ZodType>>).map(
          ([key, leaf]) => describeSetting(leaf, key, name),
        )
      : [describeSetting(schema, name, undefined)];
  },
);

/** The sections of the file, in the schema's order. */
export const sections: readonly Section[] = Object.entries(configSchema.shape)
  .filter(([, schema]) => unwrap(schema) instanceof z.ZodObject)
  .map(([name, schema]) => ({ name, description: schema.meta()?.description ?? "" }));

function describeSetting(schema: z.core.$ZodType, key: string, section?: string): Setting {
  const meta = z.globalRegistry.get(schema);
  return {
    key: section === undefined ? key : `${section}.${key}`,
    section,
    description: meta?.description ?? "",
    unit: meta?.unit,
    defaultValue: schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined,
    unset: meta?.unset,
    example: meta?.example,
  };
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault
    ? schema.def.innerType
    : schema;
}
