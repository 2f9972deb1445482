import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readText, ROOT } from "./tree.ts";

/** Every identifier of the specification. */
const IDENTIFIERS = [
  ...["01", "02", "03", "04", "05", "10", "11", "11a", "11b", "12", "13", "14", "15"],
  ...["AC1", "AC2", "AC3", "AC4", "AC5", "AC6", "AC7"],
].map((part) => `SPEC-01.${part}`);

const NOT_BUILT = "not built yet";

interface Row {
  readonly identifier: string;
  readonly requirement: string;
  readonly builtIn: string;
  readonly shownBy: string;
}

const rows: Row[] = readText("docs/spec-coverage.md")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter((cells) => /^SPEC-01\./.test(cells[1] ?? ""))
  .map(([, identifier = "", requirement = "", builtIn = "", shownBy = ""]) => ({
    identifier,
    requirement,
    builtIn,
    shownBy,
  }));

/** The files that a cell names, in backticks. */
function files(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+\/[^`]+)`/g)].map((match) => match[1] ?? "");
}

describe("docs/spec-coverage.md", () => {
  test("has one row for each identifier, in the specification's order", () => {
    expect(rows.map(({ identifier }) => identifier)).toEqual(IDENTIFIERS);
  });

  for (const { identifier, requirement, builtIn, shownBy } of rows) {
    test(`${identifier} says where it is built and what shows it, or that it is not built`, () => {
      expect(requirement).not.toBe("");
      if (!builtIn.startsWith(NOT_BUILT)) expect(files(builtIn)).not.toEqual([]);
      if (!shownBy.startsWith(NOT_BUILT)) expect(files(shownBy)).not.toEqual([]);
      const missing = files(builtIn).filter((file) => !existsSync(join(ROOT, file)));
      expect(missing).toEqual([]);
    });

    test(`${identifier} is in the tests that its row names`, () => {
      const silent = files(shownBy).filter(
        (file) => !existsSync(join(ROOT, file)) || !mentions(readText(file), identifier),
      );
      expect(silent).toEqual([]);
    });
  }

  test("names no file that is not there, in any of its tables", () => {
    const named = files(readText("docs/spec-coverage.md")).filter((file) =>
      /^(packages|test|docs|\.github)\//.test(file),
    );
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

/** Whether a text has the identifier, and not only a longer one such as SPEC-01.11a for SPEC-01.11. */
function mentions(text: string, identifier: string): boolean {
  return new RegExp(`${identifier.replace(".", "\\.")}(?![0-9A-Za-z])`).test(text);
}
