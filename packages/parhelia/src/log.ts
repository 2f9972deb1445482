/**
 * Writes one line to standard error. Results go to standard output and everything else here, so that
 * `parhelia … --json | jq` always works.
 */
export function logLine(text: string): void {
  process.stderr.write(`${text}\n`);
}
