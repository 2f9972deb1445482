import { once } from "node:events";
import { createInterface } from "node:readline";

/** The next line of standard input; undefined where it ends first, or none comes within the time, in ms. */
export async function readLine(patienceMs: number): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin });
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const ended = once(lines, "close", { signal }).then(() => [undefined]);
    const [line] = (await Promise.race([once(lines, "line", { signal }), ended])) as [
      string | undefined,
    ];
    return line;
  } catch {
    return undefined;
  }
}
