import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const SAMPLE_INTERVAL_MS = 4;

/** A value that nothing but the test knows, as long as a real key. */
export function randomSecret(): string {
  return `sk-ant-test-${randomBytes(36).toString("hex")}`;
}

/** For comparing without showing. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * The value and the forms that it takes in encodings: hexadecimal, and base64 of any text that contains it,
 * which depends on where in groups of three bytes it begins.
 */
export function formsOf(value: string): Buffer[] {
  const base64 = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(value)]).toString("base64");
    // The groups at both ends hold bytes of what stands beside the value.
    return encoded.slice(4, -4);
  });
  return [value, Buffer.from(value).toString("hex"), ...base64].map((form) => Buffer.from(form));
}

/** Which of the needles a stream holds, also across the borders of its chunks. */
export async function findInStream(
  stream: AsyncIterable<Uint8Array>,
  needles: readonly Buffer[],
): Promise<{ readonly found: readonly Buffer[]; readonly bytes: number }> {
  const overlap = Math.max(...needles.map(({ length }) => length)) - 1;
  const found = new Set<Buffer>();
  let tail = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    const text = Buffer.concat([tail, chunk]);
    for (const needle of needles) if (text.includes(needle)) found.add(needle);
    tail = text.subarray(Math.max(0, text.length - overlap));
  }
  return { found: [...found], bytes };
}

/** The files below a folder whose content holds one of the needles. */
export function filesWith(folder: string, needles: readonly Buffer[]): string[] {
  return filesBelow(folder).filter((file) => {
    const content = readFileSync(file);
    return needles.some((needle) => content.includes(needle));
  });
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/**
 * Looks at the arguments of every process of this machine, again and again, while something happens.
 * @returns all command lines that held one of the texts
 */
export async function watchCommandLines(
  texts: readonly string[],
  happening: Promise<unknown>,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const over = new AbortController();
  const end = happening.finally(() => over.abort());
  while (!over.signal.aborted) {
    for (const line of commandLines()) {
      if (texts.some((text) => line.includes(text))) seen.add(line);
    }
    await sleep(SAMPLE_INTERVAL_MS);
  }
  await end;
  return seen;
}

function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // it has just ended
      }
    });
}
