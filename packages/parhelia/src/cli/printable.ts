/** A line for people: names of files may hold anything, also what moves a terminal's cursor. */
export function printable(line: string): string {
  return line.replaceAll(/\p{Control}/gu, "\uFFFD");
}
