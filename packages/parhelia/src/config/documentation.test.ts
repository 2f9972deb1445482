import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configurationPage } from "./documentation.ts";
import { settingVariables } from "./environment.ts";
import { loadConfig } from "./load.ts";
import type { EffectiveValue } from "./load.ts";
import { settings } from "./settings.ts";
import { configTemplate } from "./toml-text.ts";

test("docs/configuration.md is what the schema says; if not: npm run docs", () => {
  const page = new URL("../../../../docs/configuration.md", import.meta.url);
  expect(readFileSync(page, "utf8")).toBe(configurationPage());
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
