import { sections, settings } from "./settings.ts";
import type { Setting } from "./settings.ts";

/** A JSON-like value as TOML writes it. JSON's strings, numbers and lists are TOML's too. */
export function toToml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toToml).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).map(
      ([key, inner]) => `${toTomlKey(key)} = ${toToml(inner)}`,
    );
    return `{ ${pairs.join(", ")} }`;
  }
  return JSON.stringify(value);
}

function toTomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

/**
 * The commented `parhelia.toml` that `parhelia init` writes: every key with its default, commented out,
 * so that it changes nothing until a line is uncommented.
 */
export function configTemplate(): string {
  const lines = [
    "# Parhelia's configuration. Every line that is commented out shows the default, or an example.",
    "# parhelia config show prints what is in effect, and docs/configuration.md explains it all.",
  ];
  for (const setting of settings) {
    if (setting.section === undefined && setting.key !== "env")
      lines.push("", ...keyLines(setting));
  }
  for (const section of sections) {
    lines.push("", ...wrap(section.description), `[${section.name}]`);
    for (const setting of settings) {
      if (setting.section === section.name) lines.push(...keyLines(setting));
    }
  }
  const env = settings.find(({ key }) => key === "env");
  lines.push("", ...wrap(env?.description ?? ""), "[env]", '# TZ = "Europe/Berlin"');
  return `${lines.join("\n")}\n`;
}

function keyLines(setting: Setting): string[] {
  const { section, key, description, unit, unset, defaultValue, example } = setting;
  const notes = [unit && `Unit: ${unit}.`, unset && `Unset: ${unset}.`].filter(Boolean);
  const name = section === undefined ? key : key.slice(section.length + 1);
  const value = defaultValue === undefined ? (example ?? '""') : toToml(defaultValue);
  return [...wrap([description, ...notes].join(" ")), `# ${name} = ${value}`];
}

/** Comment lines of at most 100 characters. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.replaceAll("`", "").split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + word.length > 98) lines.push(`# ${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
