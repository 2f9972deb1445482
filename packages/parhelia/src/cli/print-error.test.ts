import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { SystemError, UserError } from "../errors.ts";
import { describeFailure } from "./print-error.ts";

test("an error of ours is its message and hint, and its own exit status", () => {
  expect(describeFailure(new UserError("no session a", { hint: "parhelia ls" }), {})).toEqual({
    text: "error: no session a\nhint: parhelia ls",
    exitStatus: 2,
  });
  const error = new SystemError("disk full\nlast line", { hint: "make room" });
  expect(describeFailure(error, {})).toEqual({
    text: "error: disk full\n       last line\nhint: make room",
    exitStatus: 1,
  });
});

test("wrong usage is the user's mistake, with the nearest word", () => {
  const near = new CommanderError(
    1,
    "commander.unknownCommand",
    "error: unknown command 'upp'\n(Did you mean up?)",
  );
  expect(describeFailure(near, {})).toEqual({
    text: "error: unknown command 'upp'\nhint: did you mean up?",
    exitStatus: 2,
  });
  const far = new CommanderError(1, "commander.unknownCommand", "error: unknown command 'zzz'");
  expect(describeFailure(far, {}).text).toBe("error: unknown command 'zzz'\nhint: parhelia --help");
});

test("help and version that were printed are no failure", () => {
  const help = new CommanderError(0, "commander.helpDisplayed", "(outputHelp)");
  expect(describeFailure(help, { PARHELIA_DEBUG: "1" })).toEqual({ text: "", exitStatus: 0 });
});

test("Ctrl-C at a prompt is an interruption", () => {
  const error = Object.assign(new Error("User force closed the prompt"), {
    name: "ExitPromptError",
  });
  expect(describeFailure(error, {})).toEqual({ text: "interrupted", exitStatus: 130 });
});

test("anything else is one line, and the stack with its causes only on request", () => {
  const error = new Error("boom\nmore", { cause: new Error("the reason") });
  const { text, exitStatus } = describeFailure(error, {});
  expect(text.split("\n")).toEqual([
    "error: unexpected: boom",
    "hint: this should not happen; PARHELIA_DEBUG=1 shows where it comes from",
  ]);
  expect(exitStatus).toBe(1);
  const debug = describeFailure(error, { PARHELIA_DEBUG: "1" }).text;
  expect(debug).toContain("print-error.test.ts");
  expect(debug).toContain("caused by: Error: the reason");
});

test("what is thrown need not be an error", () => {
  expect(describeFailure("text", {}).text).toContain("error: unexpected: text");
  expect(describeFailure(undefined, { PARHELIA_DEBUG: "1" }).exitStatus).toBe(1);
});
