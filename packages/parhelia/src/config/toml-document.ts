import { ParseError, getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import type { AST } from "toml-eslint-parser";

/** Where a value stands: `["sandbox", "cpu"]`, `["image", "apt", 1]`. */
export type ValuePath = readonly (string | number)[];

/** A TOML file's values, and the line of each. */
export interface TomlDocument {
  readonly values: Readonly<Record<string, unknown>>;
  /** Line (from 1) of the value, or of the nearest thing around it that has one. */
  lineOf(path: ValuePath): number;
}

/** A syntax error, with its line (from 1). */
export class TomlSyntaxError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** @throws TomlSyntaxError */
export function parseToml(text: string): TomlDocument {
  const program = parse(text);
  const lines = new Map<string, number>();
  for (const node of program.body[0].body) indexNode(node, [], lines);
  return {
    values: getStaticTOMLValue(program),
    lineOf: (path) => {
      for (let length = path.length; length > 0; length -= 1) {
        const line = lines.get(JSON.stringify(path.slice(0, length)));
        if (line !== undefined) return line;
      }
      return 1;
    },
  };
}

function parse(text: string): AST.TOMLProgram {
  try {
    return parseTOML(text, { tomlVersion: "1.0" });
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new TomlSyntaxError(error.message, lineOfMistake(text, error));
  }
}

/** At the start of a line or the end of the file, the parser still waited for what came before. */
function lineOfMistake(text: string, { message, column, lineNumber, index }: ParseError): number {
  const waiting = /unspecified|same line|unterminated/i.test(message);
  if (column > 0 || !waiting) return lineNumber;
  return text.slice(0, index).trimEnd().split("\n").length;
}

function indexNode(
  node: AST.TOMLTable | AST.TOMLKeyValue,
  prefix: ValuePath,
  lines: Map<string, number>,
): void {
  if (node.type === "TOMLTable") {
    addLines(node.resolvedKey, 0, node.loc.start.line, lines);
    for (const child of node.body) indexNode(child, node.resolvedKey, lines);
    return;
  }
  const path = [...prefix, ...getStaticTOMLValue(node.key)];
  addLines(path, prefix.length, node.loc.start.line, lines);
  indexContent(node.value, path, lines);
}

function indexContent(
  node: AST.TOMLContentNode,
  path: ValuePath,
  lines: Map<string, number>,
): void {
  if (node.type === "TOMLInlineTable") {
    for (const child of node.body) indexNode(child, path, lines);
  } else if (node.type === "TOMLArray") {
    node.elements.forEach((element, index) => {
      addLines([...path, index], path.length, element.loc.start.line, lines);
      indexContent(element, [...path, index], lines);
    });
  }
}

/** A dotted key opens every table on its way: the first line that names one is that table's line. */
function addLines(path: ValuePath, from: number, line: number, lines: Map<string, number>): void {
  for (let length = from + 1; length <= path.length; length += 1) {
    const key = JSON.stringify(path.slice(0, length));
    if (!lines.has(key)) lines.set(key, line);
  }
}
