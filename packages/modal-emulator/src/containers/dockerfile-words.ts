/** The Dockerfile asks for something that cannot be done; the message is for its author. */
export class DockerfileError extends Error {
  override readonly name = "DockerfileError";
}

/** The value of a variable of the build, undefined where it has none. */
export type Lookup = (name: string) => string | undefined;

/** Splits at white space outside of quotes; quotes and backslashes stay for `expand` to resolve. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quote === "" && /\s/.test(character)) {
      if (word !== "") words.push(word);
      word = "";
      continue;
    }
    word += character;
    if (character === "\\" && quote !== "'") word += text.charAt(++i);
    else if (character === quote) quote = "";
    else if (quote === "" && (character === '"' || character === "'")) quote = character;
  }
  if (word !== "") words.push(word);
  return words;
}

/**
 * Resolves quotes, backslashes and variables as a Dockerfile does: nothing in single quotes, only variables
 * and a few backslashes in double ones. `${a:-b}` and `${a:+b}` are known, a variable without a value is empty.
 * @throws DockerfileError for an open quote or brace, or a modifier that is not known
 */
export function expand(text: string, lookup: Lookup): string {
  const reader = { text, position: 0, lookup };
  let result = "";
  while (reader.position < text.length) result += nextPiece(reader);
  return result;
}

/** The words of a JSON array of strings, undefined where the text is no such thing (the shell form). */
export function parseJsonForm(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
    return isList ? value : undefined;
  } catch {
    return undefined;
  }
}

interface Reader {
  readonly text: string;
  position: number;
  readonly lookup: Lookup;
}

function nextPiece(reader: Reader): string {
  const character = reader.text.charAt(reader.position++);
  switch (character) {
    case "'":
      return untilQuote(reader);
    case '"':
      return doubleQuoted(reader);
    case "$":
      return variable(reader);
    case "\\":
      return reader.text.charAt(reader.position++);
    default:
      return character;
  }
}

function untilQuote(reader: Reader): string {
  const end = reader.text.indexOf("'", reader.position);
  if (end === -1) throw new DockerfileError(`a single quote is not closed in: ${reader.text}`);
  const content = reader.text.slice(reader.position, end);
  reader.position = end + 1;
  return content;
}

function doubleQuoted(reader: Reader): string {
  let content = "";
  while (reader.position < reader.text.length) {
    const character = reader.text.charAt(reader.position++);
    if (character === '"') return content;
    const escaped = /^["$\\]$/.test(reader.text.charAt(reader.position));
    if (character === "\\" && escaped) content += reader.text.charAt(reader.position++);
    else content += character === "$" ? variable(reader) : character;
  }
  throw new DockerfileError(`a double quote is not closed in: ${reader.text}`);
}

/** The variable after a `$`, which stands for itself where none follows. */
function variable(reader: Reader): string {
  if (reader.text.charAt(reader.position) === "{") return bracedVariable(reader);
  const name = nameAt(reader);
  return name === "" ? "$" : (reader.lookup(name) ?? "");
}

function bracedVariable(reader: Reader): string {
  reader.position++;
  const name = nameAt(reader);
  const end = closingBrace(reader);
  const modifier = reader.text.slice(reader.position, end);
  reader.position = end + 1;
  const value = reader.lookup(name);
  if (modifier === "") return value ?? "";
  const [, colon, sign, word = ""] = /^(:?)([-+])(.*)$/s.exec(modifier) ?? [];
  if (name === "" || sign === undefined) {
    throw new DockerfileError(
      `"\${${name}${modifier}}": only \${name}, \${name:-word} and \${name:+word} are known`,
    );
  }
  const isSet = colon === ":" ? Boolean(value) : value !== undefined;
  if (sign === "-") return isSet ? (value ?? "") : expand(word, reader.lookup);
  return isSet ? expand(word, reader.lookup) : "";
}

function nameAt(reader: Reader): string {
  const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(reader.text.slice(reader.position))?.[0] ?? "";
  reader.position += name.length;
  return name;
}

function closingBrace(reader: Reader): number {
  let depth = 1;
  for (let i = reader.position; i < reader.text.length; i++) {
    if (reader.text.charAt(i) === "{") depth++;
    if (reader.text.charAt(i) === "}" && --depth === 0) return i;
  }
  throw new DockerfileError(`a brace is not closed in: ${reader.text}`);
}
