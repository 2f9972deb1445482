import { createHash } from "node:crypto";
import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs";
import type { CheckpointFile } from "../protocol/checkpoint.ts";
import type { Member, TableRow } from "./archive-format.ts";
import { encodeTrailer } from "./archive-format.ts";
import { DIGEST_ALGORITHM } from "../protocol/checkpoint.ts";
import type { Entry } from "./entry.ts";
import { FlushAhead } from "./flush-ahead.ts";
import { compress, isCompressible } from "./gzip.ts";
import { PackAhead } from "./pack-ahead.ts";
import type { Snapshot } from "./read-file.ts";
import { readWhole, SourceFile } from "./read-file.ts";
import { tarComment, tarHeader, tarPadding } from "./tar.ts";

/** Content is gathered until there is so much of it, and is then a member. */
const MEMBER_BYTES = 1024 * 1024;

/** A larger file is read, and becomes members, in pieces of this size. */
const PIECE_BYTES = 4 * MEMBER_BYTES;

/** A path has at most 4096 bytes, and so has a link's target. */
const MAX_HEADER_BYTES = 16 * 1024;

/** How often a file is read that changes meanwhile, before it is taken as it is. */
const ATTEMPTS = 5;

/** What is gathered for one member. */
class Block {
  readonly buffer = Buffer.allocUnsafe(MEMBER_BYTES + PIECE_BYTES + MAX_HEADER_BYTES);
  length = 0;
  rows: TableRow[] = [];
  readonly isCompressed: boolean;

  constructor(isCompressed: boolean) {
    this.isCompressed = isCompressed;
  }

  append(data: Uint8Array): void {
    this.buffer.set(data, this.length);
    this.length += data.length;
  }

  pad(size: number): void {
    const end = this.length + tarPadding(size);
    this.buffer.fill(0, this.length, end);
    this.length = end;
  }
}

/** What was written of a file: how it was found, and whether it held still meanwhile. */
export interface WrittenFile {
  readonly snapshot: Snapshot;
  readonly isStable: boolean;
}

/** Writes a workspace archive (`archive-format.ts`). Errors are those of the file system. */
export class ArchiveWriter {
  readonly #descriptor: number;
  #hash = createHash(DIGEST_ALGORITHM);
  #offset = 0;
  readonly #members: Member[] = [];
  readonly #rows: TableRow[] = [];
  readonly #packed = new Block(true);
  readonly #stored = new Block(false);
  readonly #packing = new PackAhead();
  readonly #flushing: FlushAhead;

  /** @param path must not be there yet */
  constructor(path: string) {
    this.#descriptor = openSync(path, "wx", 0o600);
    this.#flushing = new FlushAhead(path);
  }

  /** A directory or a link. Directories come last: what is unpacked into one changes its time. */
  add(entry: Entry): void {
    this.#row(this.#packed, entry, entry.target ?? 0, 0);
    this.#packed.append(tarHeader(entry));
    this.#flushWhenFull(this.#packed);
  }

  /**
   * A file as it is at one moment; one that changes each time it is read is taken as it came.
   * @throws Error of the file system; `ENOENT` where it has vanished
   */
  addFile(root: string, path: string): WrittenFile {
    const source = new SourceFile(root, path);
    try {
      for (let attempt = 1; ; attempt += 1) {
        const isLast = attempt === ATTEMPTS;
        const { size } = source.look().entry;
        const written =
          size > PIECE_BYTES ? this.#tryLarge(source) : this.#trySmall(source, isLast);
        if (written !== undefined && (written.isStable || isLast)) return written;
      }
    } finally {
      source.close();
    }
  }

  /** @returns what the archive is, once it is on the disk */
  finish(): CheckpointFile {
    this.#flush(this.#stored);
    this.#flush(this.#packed);
    this.#writeMembers(true);
    const tableOffset = this.#offset;
    const table = { version: 1, members: this.#members, entries: this.#rows };
    this.#write(compress(tarComment(JSON.stringify(table))));
    this.#write(encodeTrailer(tableOffset));
    fsyncSync(this.#descriptor);
    this.close();
    return { bytes: this.#offset, digest: this.#hash.digest("hex") };
  }

  /** Lets go of the file, finished or not. */
  close(): void {
    this.#packing.close();
    this.#flushing.close();
    closeSync(this.#descriptor);
  }

  /** @returns undefined where it changed and is to be read again */
  #trySmall(source: SourceFile, isLast: boolean): WrittenFile | undefined {
    let block = this.#packed;
    const { snapshot } = source;
    const header = tarHeader(snapshot.entry);
    const start = block.length + header.length;
    const room = block.buffer.subarray(start, start + snapshot.entry.size);
    const read = readWhole(source.descriptor, room, 0);
    const isStable = read === room.length && source.isUnchanged();
    if (!isStable && !isLast) return undefined;
    const entry = { ...snapshot.entry, size: read };
    const content = room.subarray(0, read);
    if (!isCompressible(content)) block = this.#stored;
    const offset = block.length + header.length;
    this.#row(block, entry, 0, offset);
    block.append(tarHeader(entry));
    block.append(content);
    block.pad(read);
    this.#flushWhenFull(block);
    return { snapshot: { ...snapshot, entry }, isStable };
  }

  /** In members of its own, which are taken back when the file changed while it was read. */
  #tryLarge(source: SourceFile): WrittenFile {
    const { snapshot } = source;
    const { size } = snapshot.entry;
    const first = Buffer.allocUnsafe(PIECE_BYTES);
    const firstRead = readWhole(source.descriptor, first, 0);
    const block = isCompressible(first.subarray(0, firstRead)) ? this.#packed : this.#stored;
    this.#flush(block);
    this.#writeMembers(true);
    const mark = { offset: this.#offset, hash: this.#hash.copy(), members: this.#members.length };
    const rows = this.#rows.length;

    const header = tarHeader(snapshot.entry);
    this.#row(block, snapshot.entry, 0, header.length);
    block.append(header);
    block.append(first.subarray(0, firstRead));
    let done = firstRead;
    while (done < size) {
      this.#flush(block);
      const room = block.buffer.subarray(0, Math.min(PIECE_BYTES, size - done));
      const read = readWhole(source.descriptor, room, done);
      // It became shorter: the header has promised more.
      room.fill(0, read);
      block.length = room.length;
      done += room.length;
    }
    block.pad(size);
    this.#flush(block);
    const isStable = source.isUnchanged();
    if (isStable || source.looks >= ATTEMPTS) return { snapshot, isStable };
    this.#writeMembers(true);
    ftruncateSync(this.#descriptor, mark.offset);
    this.#offset = mark.offset;
    this.#hash = mark.hash;
    this.#members.length = mark.members;
    this.#rows.length = rows;
    return { snapshot, isStable };
  }

  #row(block: Block, entry: Entry, target: string | number, offset: number): void {
    const { path, type, mode, modifiedAtMs, size } = entry;
    const row: TableRow = [path, type, mode, modifiedAtMs, size, target, offset];
    this.#rows.push(row);
    if (type === "file") block.rows.push(row);
  }

  #flushWhenFull(block: Block): void {
    if (block.length >= MEMBER_BYTES) this.#flush(block);
  }

  #flush(block: Block): void {
    if (block.length === 0) return;
    for (const row of block.rows) row[5] = this.#members.length + this.#packing.length;
    this.#packing.add(block.buffer.subarray(0, block.length), block.isCompressed);
    block.rows = [];
    block.length = 0;
    this.#writeMembers(false);
  }

  #writeMembers(all: boolean): void {
    for (const { member, rawBytes } of this.#packing.take(all)) {
      this.#members.push([this.#offset, member.length, rawBytes]);
      this.#write(member);
    }
    this.#flushing.reached(this.#offset);
  }

  #write(data: Uint8Array): void {
    this.#hash.update(data);
    this.#offset += data.length;
    for (let rest = data; rest.length > 0;) {
      rest = rest.subarray(writeSync(this.#descriptor, rest));
    }
  }
}
