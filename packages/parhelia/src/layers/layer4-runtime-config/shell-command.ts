/** One word of a shell command, without its quotes. */
export interface Word {
  readonly text: string;
  /** Whether it names the program that a simple command runs. */
  readonly isProgram: boolean;
}

/** Words after which a program still follows. */
const PREFIXES = new Set([
  ..."! { if then elif else while until do time exec command builtin nohup env sudo nice".split(
    " ",
  ),
]);

/**
 * The words of a shell command, as far as a look at it tells: enough to see which programs it runs and
 * which files it names. What is computed (`$(…)` within quotes, variables) stays as it is written.
 */
export function splitCommand(command: string): Word[] {
  const words: Word[] = [];
  let expectsProgram = true;
  for (const token of tokenize(command)) {
    if (token.isOperator) {
      expectsProgram = !/^[<>]/.test(token.text);
      continue;
    }
    const isAssignment = expectsProgram && /^[A-Za-z_]\w*=/.test(token.text);
    const isPrefix = expectsProgram && PREFIXES.has(token.text);
    words.push({ text: token.text, isProgram: expectsProgram && !isAssignment && !isPrefix });
    expectsProgram &&= isAssignment || isPrefix;
  }
  return words;
}

/** The same for a program with its arguments, as MCP servers are configured. */
export function wordsOf(program: string, args: readonly string[]): Word[] {
  return [{ text: program, isProgram: true }, ...args.map((text) => ({ text, isProgram: false }))];
}

/** The script of `bash -c SCRIPT` and its like, or undefined. */
export function innerScript(words: readonly Word[]): string | undefined {
  const shell = words.findIndex(({ text, isProgram }) => isProgram && SHELL.test(text));
  if (shell < 0) return undefined;
  const flag = words.findIndex(({ text }, index) => index > shell && /^-[a-z]*c$/.test(text));
  return flag < 0 ? undefined : words[flag + 1]?.text;
}

const SHELL = /(^|\/)(ba|z|da|k|fi)?sh$/;

interface Token {
  readonly text: string;
  readonly isOperator: boolean;
}

/** A comment, an operator, a line break, or a word of unquoted, quoted and escaped parts. */
const TOKEN =
  /(?<comment>(?<=^|\s)#[^\n]*)|(?<operator>[;&|()\n`]+|\d?[<>]+&?\d?)|(?<word>(?:[^\s;&|()<>`"'\\]|\\[\s\S]|"(?:[^"\\]|\\[\s\S])*"?|'[^']*'?)+)/g;

function tokenize(command: string): Token[] {
  const tokens: Token[] = [];
  for (const { groups } of command.matchAll(TOKEN)) {
    if (groups?.["operator"] !== undefined) {
      tokens.push({ text: groups["operator"], isOperator: true });
    } else if (groups?.["word"] !== undefined) {
      tokens.push({ text: unquote(groups["word"]), isOperator: false });
    }
  }
  return tokens;
}

function unquote(word: string): string {
  return word.replaceAll(
    /"((?:[^"\\]|\\[\s\S])*)"?|'([^']*)'?|\\([\s\S])/g,
    (_all, double?: string, single?: string, escaped?: string) =>
      double?.replaceAll(/\\(["\\$`])/g, "$1") ?? single ?? escaped ?? "",
  );
}
