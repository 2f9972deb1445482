import { DockerfileError, splitWords } from "./dockerfile-words.ts";

/** A here-document of an instruction. */
interface Heredoc {
  /** The word that stands for it: `<<EOF`. */
  readonly word: string;
  readonly content: string;
}

/** One instruction of a Dockerfile. */
export interface Instruction {
  /** Upper case: `RUN`. */
  readonly keyword: string;
  /** `--from=x` is `{ name: "from", value: "x" }`. */
  readonly flags: readonly { readonly name: string; readonly value: string }[];
  /** What follows: one line, continuations joined, comments gone. */
  readonly text: string;
  readonly heredocs: readonly Heredoc[];
  /** What a shell is to run: the text and its here-documents as they were written. */
  readonly script: string;
}

/** The instructions that take here-documents. */
const WITH_HEREDOCS = new Set(["RUN", "COPY", "ADD"]);

/** The instructions that take flags: in others `--x` is text. */
const WITH_FLAGS = new Set(["FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"]);

/**
 * Parses the lines of a Dockerfile: line continuations, comments (also between continued lines),
 * here-documents and flags.
 * @throws DockerfileError for a here-document without its end
 */
export function parseDockerfile(commands: readonly string[]): Instruction[] {
  const lines = commands.join("\n").split(/\r?\n/);
  const instructions: Instruction[] = [];
  let position = 0;
  while (position < lines.length) {
    if (isIgnored(lines[position])) position++;
    else position = readInstruction(lines, position, instructions);
  }
  return instructions;
}

/** How an instruction is named in logs and errors: its first line, shortened. */
export function summarize(instruction: Instruction): string {
  const flags = instruction.flags.map(({ name, value }) => `--${name}=${value} `).join("");
  const line = `${instruction.keyword} ${flags}${instruction.text}`.replace(/\s+/g, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** Comments and empty lines, also between continued lines. */
function isIgnored(line: string | undefined): boolean {
  return line !== undefined && /^\s*(#.*)?$/.test(line);
}

/** Reads one instruction and its here-documents; returns the line after them. */
function readInstruction(lines: readonly string[], start: number, into: Instruction[]): number {
  const logical = readLogicalLine(lines, start);
  const [, word = "", rest = ""] = /^\s*(\S+)\s*(.*)$/s.exec(logical.line) ?? [];
  const keyword = word.toUpperCase();
  const { flags, text } = WITH_FLAGS.has(keyword) ? readFlags(rest) : { flags: [], text: rest };
  const heredocs: Heredoc[] = [];
  let next = logical.next;
  if (WITH_HEREDOCS.has(keyword)) {
    for (const opening of heredocOpenings(text)) {
      const body = readHeredoc(lines, next, opening);
      heredocs.push(body.heredoc);
      next = body.next;
    }
  }
  const script = [text, ...lines.slice(logical.next, next)].join("\n");
  into.push({ keyword, flags, text: text.trimEnd(), heredocs, script });
  return next;
}

function readLogicalLine(lines: readonly string[], start: number): { line: string; next: number } {
  let line = lines[start] ?? "";
  let next = start + 1;
  while (/\\[ \t]*$/.test(line)) {
    line = line.replace(/\\[ \t]*$/, "");
    while (isIgnored(lines[next])) next++;
    line += lines[next++] ?? "";
  }
  return { line, next };
}

function readFlags(rest: string): Pick<Instruction, "flags" | "text"> {
  const flags = [];
  let text = rest;
  for (;;) {
    const [whole, name, value] = /^--([a-z-]+)(?:=(\S*))?(?:\s+|$)/.exec(text) ?? [];
    if (whole === undefined || name === undefined) return { flags, text };
    flags.push({ name, value: value ?? "" });
    text = text.slice(whole.length);
  }
}

interface HeredocOpening {
  readonly word: string;
  readonly name: string;
  readonly stripsTabs: boolean;
}

/** The words that open a here-document; `<<<` and an arithmetic `<<` do not. */
function heredocOpenings(text: string): HeredocOpening[] {
  if (!text.includes("<<")) return [];
  return splitWords(text).flatMap((word) => {
    const [, dash, , name] = /^\d*<<(-?)(["']?)([A-Za-z_][\w.]*)\2$/.exec(word) ?? [];
    if (name === undefined) return [];
    return [{ word, name, stripsTabs: dash === "-" }];
  });
}

function readHeredoc(
  lines: readonly string[],
  start: number,
  opening: HeredocOpening,
): { heredoc: Heredoc; next: number } {
  const content: string[] = [];
  for (let i = start; i < lines.length; i++) {
    const whole = lines[i] ?? "";
    const line = opening.stripsTabs ? whole.replace(/^\t+/, "") : whole;
    if (line === opening.name) {
      return { heredoc: { word: opening.word, content: content.join("") }, next: i + 1 };
    }
    content.push(`${line}\n`);
  }
  throw new DockerfileError(`the here-document <<${opening.name} has no end`);
}
