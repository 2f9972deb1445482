import { expect, test } from "vitest";
import { mergeJson } from "./merge-json.ts";

test.each([
  ["nothing changed", { a: 1 }, { a: 1 }, { a: 1 }, { a: 1 }],
  ["the volume changed", { a: 1, b: 1 }, { a: 2, c: 1 }, { a: 1, b: 1 }, { a: 2, c: 1 }],
  ["the session changed", { a: 1, b: 1 }, { a: 1, b: 1 }, { a: 2, c: 1 }, { a: 2, c: 1 }],
  ["both, different keys", { a: 1, b: 1 }, { a: 2, b: 1 }, { a: 1, b: 2 }, { a: 2, b: 2 }],
  ["both, the same key: the session's", { a: 1 }, { a: 2 }, { a: 3 }, { a: 3 }],
  [
    "the session removed it, the volume changed another",
    { a: 1, b: 1 },
    { a: 1, b: 2 },
    { b: 1 },
    { b: 2 },
  ],
  [
    "the volume removed it, the session changed another",
    { a: 1, b: 1 },
    { b: 1 },
    { a: 1, b: 2 },
    { b: 2 },
  ],
  [
    "deep",
    { p: { x: { v: 1 } } },
    { p: { x: { v: 1 }, y: 1 } },
    { p: { x: { v: 2 } } },
    { p: { x: { v: 2 }, y: 1 } },
  ],
  [
    "the first time",
    undefined,
    { a: 1, l: ["x"] },
    { a: 2, l: ["y"], o: 1 },
    { a: 2, l: ["x", "y"], o: 1 },
  ],
  ["rules on both sides", ["a", "b"], ["a", "b", "c"], ["b", "d"], ["b", "c", "d"]],
  ["a rule that the volume took back", ["a", "b"], ["b"], ["a", "b", "d"], ["b", "d"]],
  ["lists of objects: the session's", [{ a: 1 }], [{ a: 2 }], [{ a: 3 }], [{ a: 3 }]],
  [
    "the order of keys is no change",
    { a: 1, b: [{ c: 1, d: 2 }] },
    {},
    { b: [{ d: 2, c: 1 }], a: 1 },
    {},
  ],
  [
    "names of what objects inherit",
    {},
    JSON.parse('{"constructor":1,"__proto__":{"x":1}}'),
    { own: 1 },
    JSON.parse('{"constructor":1,"__proto__":{"x":1},"own":1}'),
  ],
  ["another kind of value", { a: 1 }, { a: { b: 1 } }, { a: ["x"] }, { a: ["x"] }],
])("%s", (_, base, brought, own, expected) => {
  const merged = mergeJson(base, brought, own);
  expect(JSON.parse(JSON.stringify(merged))).toEqual(expected);
});
