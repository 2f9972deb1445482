import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync } from "node:fs";
import type { CheckpointFile } from "../protocol/checkpoint.ts";
import type { Table, TableRow } from "./archive-format.ts";
import { decodeTrailer, TRAILER_BYTES } from "./archive-format.ts";
import { DIGEST_ALGORITHM } from "../protocol/checkpoint.ts";
import type { Entry } from "./entry.ts";
import { decompress } from "./gzip.ts";
import { readWhole } from "./read-file.ts";
import { readTarComment } from "./tar.ts";

/** Takes the content of one file, in pieces. */
export interface FileSink {
  write(data: Uint8Array): void;
  close(): void;
}

/** A file whose content goes on in the next member. */
interface Unfinished {
  readonly sink: FileSink;
  left: number;
}

/** Reads a workspace archive (`archive-format.ts`). Errors are those of the file system, or say what is no archive. */
export class ArchiveReader {
  /** What it has, by path. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly #descriptor: number;
  readonly #table: Table;
  readonly #tableOffset: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, "r");
    try {
      const { size } = fstatSync(this.#descriptor);
      const trailer = this.#read(Math.max(0, size - TRAILER_BYTES), TRAILER_BYTES);
      const tableOffset = decodeTrailer(trailer);
      if (tableOffset === undefined) throw new Error(`${path} is not whole: its end is missing`);
      this.#tableOffset = tableOffset;
      const packed = this.#read(tableOffset, size - TRAILER_BYTES - tableOffset);
      this.#table = JSON.parse(readTarComment(decompress(packed))) as Table;
      this.entries = new Map(this.#table.entries.map((row) => [row[0], toEntry(row)]));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Reads all of the archive once, from its beginning to its end.
   * @param open gives what takes a file's content; undefined for a file that is not wanted
   * @returns what the archive is, to be compared with what it should be
   */
  readFiles(open: (entry: Entry) => FileSink | undefined): CheckpointFile {
    const hash = createHash(DIGEST_ALGORITHM);
    const beginning = this.#rowsByMember();
    let unfinished: Unfinished | undefined;
    for (const [index, [offset, bytes]] of this.#table.members.entries()) {
      const member = this.#read(offset, bytes);
      hash.update(member);
      const rows = beginning.get(index) ?? [];
      if (unfinished === undefined && rows.length === 0) continue;
      const content = decompress(member);
      unfinished = unfinished && this.#proceed(unfinished, content);
      for (const row of rows) {
        const sink = open(toEntry(row));
        if (sink === undefined) continue;
        unfinished = this.#proceed({ sink, left: row[4] }, content.subarray(row[6]));
      }
    }
    if (unfinished !== undefined) throw new Error("the archive ends within a file");
    const { size } = fstatSync(this.#descriptor);
    hash.update(this.#read(this.#tableOffset, size - this.#tableOffset));
    return { bytes: size, digest: hash.digest("hex") };
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #proceed({ sink, left }: Unfinished, content: Uint8Array): Unfinished | undefined {
    const taken = content.subarray(0, left);
    sink.write(taken);
    if (taken.length < left) return { sink, left: left - taken.length };
    sink.close();
    return undefined;
  }

  #rowsByMember(): Map<number, TableRow[]> {
    const beginning = new Map<number, TableRow[]>();
    for (const row of this.#table.entries) {
      if (row[1] !== "file") continue;
      const rows = beginning.get(row[5] as number);
      if (rows === undefined) beginning.set(row[5] as number, [row]);
      else rows.push(row);
    }
    return beginning;
  }

  #read(offset: number, bytes: number): Buffer {
    const buffer = Buffer.allocUnsafe(bytes);
    return buffer.subarray(0, readWhole(this.#descriptor, buffer, offset));
  }
}

function toEntry([path, type, mode, modifiedAtMs, size, target]: TableRow): Entry {
  const entry = { path, type, mode, modifiedAtMs, size };
  return typeof target === "string" ? { ...entry, target } : entry;
}
