import { describe, expect, test } from "vitest";
import type { AnyCommandSpec, CommandContext } from "./command.ts";
import { defineCommand } from "./command.ts";
import type { ExecArguments, ExecOptions, JsonOption, None } from "./command-types.ts";
import { commands, groupSummaries } from "./commands.ts";
import { runProgram } from "./program.ts";
import type { GlobalFlags } from "./program.ts";

const context: CommandContext = {
  cwd: "/",
  env: { HERE: "yes" },
  signal: new AbortController().signal,
  loadConfig: () => Promise.reject(new Error("no configuration in this test")),
  print: () => undefined,
  printJson: () => undefined,
};

/** Parses as the real program does; the commands only write down what they were given. */
async function parse(...argv: string[]): Promise<{
  exitStatus: number;
  flags: GlobalFlags | undefined;
  calls: { name: string; args: unknown; options: unknown }[];
}> {
  const calls: { name: string; args: unknown; options: unknown }[] = [];
  let flags: GlobalFlags | undefined;
  const record =
    (name: string) =>
    (_context: CommandContext, args: unknown, options: unknown): Promise<number> => {
      calls.push({ name, args, options });
      return Promise.resolve(7);
    };
  const exec = commands.find(({ name }) => name === "exec");
  const recorded: readonly AnyCommandSpec[] = [
    defineCommand<ExecArguments, ExecOptions>({
      ...(exec as Parameters<typeof defineCommand<ExecArguments, ExecOptions>>[0]),
      load: () => Promise.resolve({ run: record("exec") }),
    }),
    defineCommand<None, JsonOption>({
      name: "image ls",
      summary: "list",
      arguments: {},
      options: { json: { kind: "flag", description: "as JSON" } },
      examples: ["parhelia image ls"],
      load: () => Promise.resolve({ run: record("image ls") }),
    }),
  ];
  const exitStatus = await runProgram(argv, {
    version: "0.0.0",
    commands: recorded,
    groupSummaries,
    createContext: (given) => {
      flags = given;
      return context;
    },
  });
  return { exitStatus, flags, calls };
}

describe("parsing", () => {
  test("options may stand before and after the name, global ones anywhere before --", async () => {
    const parsed = await parse(
      ...["--target", "local", "exec", "--root", "a", "--config", "x.toml", "-t", "--", "ls", "-l"],
    );
    expect(parsed.exitStatus).toBe(7);
    expect(parsed.flags).toMatchObject({ target: "local", config: "x.toml" });
    expect(parsed.calls).toEqual([
      {
        name: "exec",
        args: { name: "a", command: ["ls", "-l"] },
        options: { root: true, tty: true, env: {}, cwd: undefined },
      },
    ]);
  });

  test("after -- nothing is ours: neither options, nor help, nor another --", async () => {
    const command = ["sh", "--root", "--help", "--", "-V", "--config=y", "", "a b", "--env", "X=1"];
    const { calls, flags } = await parse("exec", "a", "--", ...command);
    expect(calls[0]?.args).toEqual({ name: "a", command });
    expect(calls[0]?.options).toEqual({ root: false, tty: false, env: {}, cwd: undefined });
    expect(flags?.config).toBeUndefined();
  });

  test("repeatable options are collected; a key alone is read from the environment", async () => {
    const { calls } = await parse("exec", "a", "-e", "A=1", "--env=B=2", "-e", "HERE", "--", "env");
    expect(calls[0]?.options).toMatchObject({ env: { A: "1", B: "2", HERE: "yes" } });
  });

  test("a command of a group gets its options", async () => {
    const { calls } = await parse("image", "ls", "--json");
    expect(calls).toEqual([{ name: "image ls", args: {}, options: { json: true } }]);
  });

  test.each([
    [["exce", "a"], "unknown command 'exce'\n(Did you mean exec?)"],
    [["image", "sl"], "unknown command 'sl'\n(Did you mean ls?)"],
    [["image", "ls", "--jsn"], "unknown option '--jsn'\n(Did you mean --json?)"],
    [["exec", "a", "--cwd"], "option '--cwd <DIRECTORY>' argument missing"],
  ])("%j is refused, with the nearest known word", async (argv, message) => {
    await expect(parse(...argv)).rejects.toThrow(message);
  });
});

describe("the table of commands", () => {
  test("every command has a summary, explained arguments and options, and an example of itself", () => {
    for (const { name, summary, examples, arguments: args, options } of commands) {
      expect(summary, name).toMatch(/^[a-z].*[^.]$/);
      expect(examples.length, name).toBeGreaterThan(0);
      for (const example of examples) expect(example).toMatch(new RegExp(`\\bparhelia ${name}\\b`));
      for (const [key, { description }] of [...Object.entries(args), ...Object.entries(options)]) {
        expect(description, `${name} ${key}`).toMatch(/^\S.{8,}[^.]$/);
      }
    }
  });

  test("every group is explained", () => {
    const names = commands.map(({ name }) => name);
    const groups = names
      .flatMap((name) => (name.includes(" ") ? [name.split(" ")[0]] : []))
      .filter((group) => !names.includes(group ?? "")); // a command says itself what it is about
    expect(Object.keys(groupSummaries).sort()).toEqual([...new Set(groups)].sort());
  });

  test("every command is there when it is asked for", async () => {
    for (const { name, load } of commands) {
      expect(typeof (await load()).run, name).toBe("function");
    }
  });
});
