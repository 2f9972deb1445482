import * as z from "zod";
import { configSchema } from "./schema.ts";

/**
 * `docs/parhelia.schema.json`: `parhelia.toml` as a JSON schema, with which editors complete and check it.
 * What only a program can check (durations, keys that exclude one another) is not in it.
 */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, {
    io: "input",
    target: "draft-7",
    override: ({ jsonSchema }) => {
      // What the documentation's own words are made from.
      for (const key of ["unit", "unset", "example"]) Reflect.deleteProperty(jsonSchema, key);
    },
  });
  return `${JSON.stringify({ title: "parhelia.toml", ...schema }, undefined, 2)}\n`;
}
