import { expect, test } from "vitest";
import { UserError } from "../errors.ts";
import { readPairs } from "./read-pairs.ts";

test("pairs may hold anything after the first equals sign; the last of a key counts", () => {
  expect(readPairs("--env", ["A=1", "B=x=y z", "C=", "A=2"], {})).toEqual({
    A: "2",
    B: "x=y z",
    C: "",
  });
});

test("a key alone takes the value of the user's own environment", () => {
  expect(readPairs("--env", ["TERM", "EMPTY"], { TERM: "xterm", EMPTY: "" })).toEqual({
    TERM: "xterm",
    EMPTY: "",
  });
  expect(() => readPairs("--env", ["NOPE"], {})).toThrow(
    "--env NOPE: your environment has no variable NOPE",
  );
});

test.each(["=x", "1A=x", "A B=x", "", "a-b=1"])("%j is refused", (pair) => {
  expect(() => readPairs("--env", [pair], {})).toThrow(UserError);
});

test("a value never stands in the error", () => {
  expect(() => readPairs("--env", ["a-key=hunter2"], {})).toThrow(/^(?!.*hunter2)/);
});
