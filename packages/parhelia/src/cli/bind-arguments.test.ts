import { describe, expect, test } from "vitest";
import { UserError } from "../errors.ts";
import { bindArguments } from "./bind-arguments.ts";
import type { AnyCommandSpec } from "./command.ts";
import { commands } from "./commands.ts";

function spec(name: string): AnyCommandSpec {
  const found = commands.find((command) => command.name === name);
  if (found === undefined) throw new Error(`no command ${name}`);
  return found;
}

describe("positional arguments", () => {
  test("run: one word is the prompt, two are name and prompt", () => {
    expect(bindArguments(spec("run"), ["say hi"])).toEqual({
      name: undefined,
      prompt: "say hi",
      claudeArguments: [],
    });
    expect(bindArguments(spec("run"), ["a", "say hi"], ["--model", "--", "x"])).toEqual({
      name: "a",
      prompt: "say hi",
      claudeArguments: ["--model", "--", "x"],
    });
  });

  test("exec: everything after -- is untouched", () => {
    const command = ["sh", "-c", "echo -- $1", "--", "--help", ""];
    expect(bindArguments(spec("exec"), ["a"], command)).toEqual({ name: "a", command });
  });

  test("up: the name may be left out", () => {
    expect(bindArguments(spec("up"), [])).toEqual({ name: undefined });
    expect(bindArguments(spec("up"), ["a"])).toEqual({ name: "a" });
  });

  test("secret set: all further words are keys; -- only ends the options", () => {
    expect(bindArguments(spec("secret set"), ["s", "A", "B"])).toEqual({
      name: "s",
      keys: ["A", "B"],
    });
    expect(bindArguments(spec("secret set"), ["s"], ["A"])).toEqual({ name: "s", keys: ["A"] });
  });

  test.each([
    ["exec", [], undefined, "parhelia exec: name is missing"],
    ["exec", ["a"], undefined, "parhelia exec: command is missing: it stands after --"],
    ["exec", ["a"], [], "parhelia exec: command is missing: it stands after --"],
    ["exec", ["a", "ls"], ["b"], 'parhelia exec: "ls" is one argument too many'],
    ["run", [], undefined, "parhelia run: prompt is missing"],
    ["run", ["a", "b", "c"], undefined, 'parhelia run: "c" is one argument too many'],
    ["stop", [], undefined, "parhelia stop: name is missing"],
    ["up", ["a", "b"], undefined, 'parhelia up: "b" is one argument too many'],
    ["ls", [], ["a"], 'parhelia ls: "a" is one argument too many'],
    ["secret set", ["s"], undefined, "parhelia secret set: key is missing"],
  ])("%s with %j and after -- %j is refused", (name, words, rest, message) => {
    const bind = (): unknown => bindArguments(spec(name), words, rest);
    expect(bind).toThrow(UserError);
    expect(bind).toThrow(message);
  });
});
