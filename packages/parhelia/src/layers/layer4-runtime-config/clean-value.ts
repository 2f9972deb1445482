import { isObject } from "./json-file.ts";
import type { PathMap } from "./path-map.ts";
import { findSecret, hasPassword, isSecretValue } from "./secrets.ts";

/** Shorter texts under a name such as `…Key` are rather choices than keys. */
const MIN_SECRET_CHARACTERS = 12;

/** What a value became. */
interface CleanValue {
  /** Undefined: left out. */
  readonly value: unknown;
  /** The keys that were left out. */
  readonly left: readonly string[];
}

/** What the plan says of a key that was left out. */
export function secretNote(key: string): string {
  return `${key} looks like it holds a secret and is left out`;
}

/** A value of JSON with its paths exchanged in every text, and without what looks like a secret. */
export function cleanValue(key: string, value: unknown, paths: PathMap): CleanValue {
  if (typeof value === "string") {
    return holdsSecret(key, value)
      ? { value: undefined, left: [key] }
      : { value: paths.rewrite(value).text, left: [] };
  }
  if (Array.isArray(value)) {
    const parts = value.map((part, index) => cleanValue(`${key}[${index}]`, part, paths));
    return {
      value: parts.map((part) => part.value).filter((part) => part !== undefined),
      left: parts.flatMap((part) => part.left),
    };
  }
  if (!isObject(value)) return { value, left: [] };
  const parts = Object.entries(value).map(
    ([name, part]) => [name, cleanValue(`${key}.${name}`, part, paths)] as const,
  );
  const kept = parts.filter(([, part]) => part.value !== undefined);
  return {
    value: Object.fromEntries(kept.map(([name, part]) => [name, part.value])),
    left: parts.flatMap(([, part]) => part.left),
  };
}

function holdsSecret(key: string, value: string): boolean {
  if (findSecret(value) !== undefined || hasPassword(value)) return true;
  const name = key.split(".").at(-1) ?? key;
  return (
    value.length >= MIN_SECRET_CHARACTERS && !value.includes(" ") && isSecretValue(name, value)
  );
}
