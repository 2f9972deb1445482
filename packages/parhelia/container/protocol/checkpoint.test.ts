import { expect, test } from "vitest";
import { checkpointId, checkpointTime, parseCheckpointState, parseRestore } from "./checkpoint.ts";

test("the id of a checkpoint is its time, and sorts as such", () => {
  const time = new Date("2026-11-25T21:15:30.123Z");
  expect(checkpointId(time)).toBe("20261125T211530.123Z");
  expect(checkpointTime("20261125T211530.123Z")).toEqual(time);
  const later = checkpointId(new Date(time.getTime() + 1));
  expect(later > checkpointId(time)).toBe(true);
});

test.each(["", "latest", "20261125T211530.123Z.partial", "20269925T211530.123Z", "../x"])(
  "'%s' is no id",
  (id) => {
    expect(checkpointTime(id)).toBeUndefined();
  },
);

test("what is to be restored is a session and an id, and nothing that leads elsewhere", () => {
  expect(parseRestore("docs/latest")).toEqual({ session: "docs", id: "latest" });
  expect(parseRestore("docs/20261125T211530.123Z")).toEqual({
    session: "docs",
    id: "20261125T211530.123Z",
  });
  for (const value of ["", "docs", "docs/", "/latest", "../latest", "a/b/latest", "docs/old"]) {
    expect(parseRestore(value), value).toBeUndefined();
  }
});

test("a state that is no JSON, or of another version, is none", () => {
  for (const text of ["", "null", "[]", "{", '{"version":2,"files":{}}', '{"version":1}']) {
    expect(parseCheckpointState(text), text).toBeUndefined();
  }
  expect(parseCheckpointState('{"version":1,"files":{}}')).toBeDefined();
});
