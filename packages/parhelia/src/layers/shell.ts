/** One word of a POSIX shell command, quoted where it needs to be. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A Dockerfile `RUN` that stops at the first failing step. */
export function run(...steps: readonly string[]): string {
  return `RUN ${steps.join(" && ")}`;
}
