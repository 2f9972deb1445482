import type * as z from "zod";
import { didYouMean, nearest } from "./nearest.ts";
import { sections, settings } from "./settings.ts";
import type { ValuePath } from "./toml-document.ts";

/** One thing that is wrong with the configuration. */
export interface Problem {
  readonly path: ValuePath;
  /** Reads on after the place: `parhelia.toml:3: MESSAGE`. */
  readonly message: string;
}

/** What the schema found, in words for the person who wrote the file. */
export function describeIssue(issue: z.core.$ZodIssue, input: unknown): Problem[] {
  const path = issue.path.filter((part) => typeof part !== "symbol");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const keyPath = [...path, key];
      return { path: keyPath, message: describeUnknownKey(keyPath, valueAt(input, keyPath)) };
    });
  }
  return [{ path, message: `${keyName(path)} ${complaint(issue, valueAt(input, path))}` }];
}

function complaint(issue: z.core.$ZodIssue, value: unknown): string {
  if (issue.code === "invalid_type") {
    return `must be ${typeNames[issue.expected] ?? issue.expected}, not ${show(value, issue.path)}`;
  }
  if (issue.code === "invalid_value") {
    const allowed = issue.values.map((choice) => JSON.stringify(choice)).join(" or ");
    const near = typeof value === "string" ? nearest(value, issue.values.map(String)) : undefined;
    return `must be ${allowed}, not ${show(value, issue.path)}${didYouMean(near)}`;
  }
  // A name that is no good in a table of the user's own names.
  if (issue.code === "invalid_key") return issue.issues[0]?.message ?? issue.message;
  // A value that is good by itself, but not beside another.
  if (issue.message.startsWith("does not go")) return issue.message;
  return `${issue.message}, not ${show(value, issue.path)}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  array: "a list",
  object: "a section",
  record: "a section",
};

function describeUnknownKey(path: ValuePath, value: unknown): string {
  const name = String(path.at(-1));
  const section = path.length > 1 ? String(path[0]) : undefined;
  if (section === undefined && isTable(value)) {
    const near = nearest(name, [...sections.map(({ name: known }) => known), "env"]);
    return `unknown section [${name}]${didYouMean(near && `[${near}]`)}`;
  }
  const elsewhere = settings.find(({ key }) => key === name || key.endsWith(`.${name}`));
  if (elsewhere !== undefined) {
    const home = elsewhere.section;
    const place = home === undefined ? "at the top of the file" : `in [${home}]`;
    return `unknown key ${keyName(path)}; ${name} belongs ${place}`;
  }
  const siblings = settings.filter((setting) => setting.section === section);
  const near = nearest(
    name,
    siblings.map(({ key }) => key.slice(section === undefined ? 0 : section.length + 1)),
  );
  return `unknown key ${keyName(path)}${didYouMean(near)}`;
}

function keyName(path: ValuePath): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .slice(1);
}

/** Values of `[env]` are not repeated: one may be a secret that should not stand there. */
function show(value: unknown, path: readonly PropertyKey[]): string {
  if (value instanceof Date) return "a date";
  if (path[0] === "env") return `a ${typeof value}`;
  if (typeof value === "number") return String(value);
  if (isTable(value)) return "a section";
  return value === undefined ? "nothing" : JSON.stringify(value);
}

function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function valueAt(input: unknown, path: ValuePath): unknown {
  return path.reduce<unknown>(
    (value, part) => (value as Record<string | number, unknown> | undefined)?.[part],
    input,
  );
}
