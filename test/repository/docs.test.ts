import { describe, expect, test } from "vitest";
import { commands } from "../../packages/parhelia/src/cli/commands.ts";
import { runProgram } from "../support/run-program.ts";
import { readJson, readText, repositoryFiles, ROOT } from "./tree.ts";

const TIMEOUT_MS = 30_000;

/** Documents that tell a person what to type. */
const DOCUMENTS = repositoryFiles().filter((file) => file.endsWith(".md"));

const names = commands.map(({ name }) => name);

/** The lines of a document's code blocks and inline code that are commands. */
function typedCommands(text: string, program: string): string[] {
  const blocks = [...text.matchAll(/^```(?:sh|bash|console)?\n([^]*?)^```/gm)].flatMap((match) =>
    (match[1] ?? "").split("\n"),
  );
  const inline = [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
  return [...blocks, ...inline]
    .map((line) => line.trim().replace(/^\$ /, ""))
    .filter((line) => line.startsWith(`${program} `));
}

/** Whether the words after `parhelia` begin with a command of the table, or are a global option. */
function isCommand(line: string): boolean {
  const words = line.split(/\s+/).slice(1);
  if (words[0]?.startsWith("-") === true) return true;
  return names.some((name) => name.split(" ").every((word, index) => words[index] === word));
}

describe("the help of", () => {
  for (const { name, summary, examples } of commands) {
    test(`parhelia ${name} says what it does, with examples`, async () => {
      const program = "packages/parhelia/bin/parhelia";
      const { exitStatus, stdout } = await runProgram(program, [...name.split(" "), "--help"], {
        cwd: ROOT,
        env: process.env,
        timeoutMs: TIMEOUT_MS,
      });
      expect(exitStatus).toBe(0);
      expect(stdout.replaceAll(/\s+/g, " ")).toContain(summary);
      for (const example of examples) expect(stdout).toContain(example);
    });

    test(`parhelia ${name} has examples that begin with itself`, () => {
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) expect(example).toMatch(`parhelia ${name}`);
    });
  }
});

describe("the documents", () => {
  for (const file of DOCUMENTS) {
    test(`${file} names commands that exist`, () => {
      const unknown = typedCommands(readText(file), "parhelia").filter((line) => !isCommand(line));
      expect(unknown).toEqual([]);
    });

    test(`${file} names npm scripts that exist`, () => {
      const { scripts } = readJson("package.json") as { scripts: Record<string, string> };
      const asked = typedCommands(readText(file), "npm run").map(
        (line) => line.split(/\s+/)[2] ?? "",
      );
      expect(asked.filter((script) => !(script in scripts))).toEqual([]);
    });
  }

  test("README.md shows the two commands to begin with, and everyday ones", () => {
    const readme = readText("README.md");
    expect(readme).toContain("./quickstart");
    expect(readme).toContain("npm ci && npm test");
    expect(typedCommands(readme, "parhelia").length).toBeGreaterThan(5);
  });
});
