/** A value as JSON has it; undefined is a key that is not there. */
export type Json = unknown;

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * What the volume brings now, with what the session has changed since the volume last brought something.
 * Where both changed the same value, the session's stays. Objects are merged key by key; in lists of
 * words, such as permission rules, the session's additions and removals are repeated on what the volume brings.
 * @param base what the volume brought last time; undefined the first time
 */
export function mergeJson(base: Json, brought: Json, own: Json): Json {
  if (isSame(own, base)) return brought;
  if (isSame(brought, base)) return own;
  if (isObject(brought) && isObject(own)) {
    return mergeObjects(isObject(base) ? base : {}, brought, own);
  }
  if (isScalarList(brought) && isScalarList(own)) {
    return mergeLists(isScalarList(base) ? base : [], brought, own);
  }
  return own;
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value where it is an object, otherwise an empty one. */
export function asObject(value: Json): JsonObject {
  return isObject(value) ? value : {};
}

function mergeObjects(base: JsonObject, brought: JsonObject, own: JsonObject): JsonObject {
  const keys = new Set([...Object.keys(brought), ...Object.keys(own)]);
  return Object.fromEntries(
    [...keys]
      .map((key) => [key, mergeJson(at(base, key), at(brought, key), at(own, key))] as const)
      .filter(([, value]) => value !== undefined),
  );
}

type Scalar = string | number | boolean | null;

function isScalarList(value: Json): value is readonly Scalar[] {
  return Array.isArray(value) && value.every((item) => item === null || typeof item !== "object");
}

function mergeLists(
  base: readonly Scalar[],
  brought: readonly Scalar[],
  own: readonly Scalar[],
): readonly Scalar[] {
  const removed = base.filter((item) => !own.includes(item));
  const added = own.filter((item) => !base.includes(item) && !brought.includes(item));
  return [...brought.filter((item) => !removed.includes(item)), ...added];
}

/** Not what an object inherits: a key may be called `constructor`. */
function at(object: JsonObject, key: string): Json {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Equal as JSON; the order of keys does not matter. */
export function isSame(one: Json, other: Json): boolean {
  if (isObject(one) && isObject(other)) {
    const keys = Object.keys(one);
    return (
      keys.length === Object.keys(other).length &&
      keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]))
    );
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  }
  return one === other;
}
