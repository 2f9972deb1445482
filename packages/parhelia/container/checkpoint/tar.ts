import type { Entry } from "./entry.ts";

/** Everything in a tar archive is whole blocks. */
export const TAR_BLOCK_BYTES = 512;

const TYPE_FLAGS = { file: "0", link: "2", directory: "5" } as const;
const GLOBAL_HEADER = "g";
const EXTENDED_HEADER = "x";

/** What an octal field of 12 bytes holds. */
const MAX_OCTAL_SIZE = 8 ** 11 - 1;
const NAME_BYTES = 100;

/**
 * The header of an entry: POSIX `ustar`, with an extended header (pax) before it for what has no room there.
 * Its content, and `tarPadding`, follow.
 */
export function tarHeader(entry: Entry): Buffer {
  const name = entry.type === "directory" ? `${entry.path}/` : entry.path;
  const records = [record("mtime", (entry.modifiedAtMs / 1000).toFixed(6))];
  if (!fits(name)) records.push(record("path", name));
  if (entry.target !== undefined && !fits(entry.target)) {
    records.push(record("linkpath", entry.target));
  }
  if (entry.size > MAX_OCTAL_SIZE) records.push(record("size", String(entry.size)));
  return Buffer.concat([
    withContent(EXTENDED_HEADER, Buffer.concat(records)),
    header({
      name,
      mode: entry.mode,
      size: Math.min(entry.size, MAX_OCTAL_SIZE),
      seconds: Math.max(0, Math.floor(entry.modifiedAtMs / 1000)),
      type: TYPE_FLAGS[entry.type],
      target: entry.target ?? "",
    }),
  ]);
}

/** A text that every program which unpacks the archive reads over, as Git's archives have one. */
export function tarComment(text: string): Buffer {
  return withContent(GLOBAL_HEADER, record("comment", text));
}

/** The text in what `tarComment` gave. */
export function readTarComment(block: Uint8Array): string {
  const text = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const from = text.indexOf("=", TAR_BLOCK_BYTES) + 1;
  const length = Number.parseInt(text.toString("latin1", TAR_BLOCK_BYTES), 10);
  return text.toString("utf8", from, TAR_BLOCK_BYTES + length - 1);
}

/** Bytes from the end of a content to the next header. */
export function tarPadding(size: number): number {
  return (TAR_BLOCK_BYTES - (size % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

function withContent(type: string, content: Buffer): Buffer {
  const fields = { name: "pax", mode: 0o644, size: content.length, seconds: 0, type, target: "" };
  return Buffer.concat([header(fields), content, Buffer.alloc(tarPadding(content.length))]);
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function record(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length > length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Whether a name stands in a header as it is. */
function fits(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- ASCII is what it is about
  return name.length <= NAME_BYTES && /^[\x01-\x7f]*$/.test(name);
}

function header(fields: {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly seconds: number;
  readonly type: string;
  readonly target: string;
}): Buffer {
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, offset: number, digits: number) =>
    block.write(value.toString(8).padStart(digits, "0"), offset, "latin1");
  block.write(fields.name, 0, NAME_BYTES, "latin1");
  octal(fields.mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(fields.size, 124, 11);
  octal(fields.seconds, 136, 11);
  block.write("        ", 148, "latin1");
  block.write(fields.type, 156, "latin1");
  block.write(fields.target, 157, NAME_BYTES, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
