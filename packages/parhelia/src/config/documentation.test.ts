import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configurationPage } from "./documentation.ts";
import { settingVariables } from "./environment.ts";
import { configJsonSchema } from "./json-schema.ts";
import { loadConfig } from "./load.ts";
import type { EffectiveValue } from "./load.ts";
import { remoteVariables } from "./remote-env.ts";
import { settings } from "./settings.ts";
import { configTemplate } from "./toml-text.ts";

test("docs/configuration.md is what the schema says; if not: npm run docs", () => {
  const page = new URL("../../../../docs/configuration.md", import.meta.url);
  expect(readFileSync(page, "utf8")).toBe(configurationPage());
});

test("docs/parhelia.schema.json is what the schema says; if not: npm run docs", () => {
  const file = new URL("../../../../docs/parhelia.schema.json", import.meta.url);
  expect(readFileSync(file, "utf8")).toBe(configJsonSchema());
  const { properties, additionalProperties } = JSON.parse(configJsonSchema()) as {
    properties: Record<string, { properties?: Record<string, { description?: string }> }>;
    additionalProperties: boolean;
  };
  expect(additionalProperties).toBe(false);
  for (const { key, section, description } of settings) {
    const entry =
      section === undefined
        ? properties[key]
        : properties[section]?.properties?.[key.slice(section.length + 1)];
    expect(entry, key).toMatchObject({ description });
  }
});

test("every variable of the specification's remote.env is explained", () => {
  const source = new URL("../../container/init/remote-env.ts", import.meta.url);
  const [initial = ""] = /INITIAL_REMOTE_ENV = `[^`]*`/.exec(readFileSync(source, "utf8")) ?? [];
  const variables = [...initial.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(remoteVariables.map(({ name }) => name)).toEqual(variables);
});

test("every key is explained, and says what leaving it out means", () => {
  for (const { key, description, defaultValue, unset } of settings) {
    expect(description, key).toMatch(/^[A-Z].*\.$/);
    expect(defaultValue === undefined ? unset : description, key).toBeTruthy();
  }
});

test("every variable overrides a key that exists", () => {
  const keys = settings.map(({ key }) => key);
  for (const { name, key } of settingVariables) expect(keys, name).toContain(key);
});

test("the file that parhelia init writes changes nothing, nor do its lines once uncommented", () => {
  const template = configTemplate();
  expect(valuesOf(template)).toEqual(valuesOf(""));
  const uncommented = template.replace(/^# (?=[a-zA-Z_]+ = )/gm, "");
  const changed = valuesOf(uncommented).filter(({ key }) =>
    settings.some((setting) => setting.key === key && setting.defaultValue !== undefined),
  );
  const defaults = valuesOf("").filter(({ value }) => value !== undefined);
  expect(changed).toEqual(defaults);
  for (const { key } of settings) {
    expect(uncommented).toMatch(new RegExp(`^\\[?${key.split(".").at(-1) ?? key}\\b`, "m"));
  }
});

function valuesOf(toml: string): Pick<EffectiveValue, "key" | "value">[] {
  const cwd = mkdtempSync(join(tmpdir(), "parhelia-template-"));
  try {
    writeFileSync(join(cwd, "parhelia.toml"), toml);
    return loadConfig({ cwd, env: {} }).values.map(({ key, value }) => ({ key, value }));
  } finally {
    rmSync(cwd, { recursive: true });
  }
}
