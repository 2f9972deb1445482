import { crc32 } from "node:zlib";
import type { Entry } from "./entry.ts";
import { TAR_BLOCK_BYTES } from "./tar.ts";

/**
 * A workspace archive is a `.tar.gz` of many gzip members, which every tar unpacks. Its last but one member
 * holds the table of contents, as a comment; the last one is the end that tar wants, and says in its header
 * where the table is. So a single file can be found without unpacking the rest, and what the archive has is
 * known without reading it.
 */

/** Where a member begins in the file, its bytes there, and unpacked. */
export type Member = readonly [offset: number, bytes: number, rawBytes: number];

/** A line of the table: the last two say where a file's content begins. */
export type TableRow = [
  path: string,
  type: Entry["type"],
  mode: number,
  modifiedAtMs: number,
  size: number,
  targetOrMember: string | number,
  offsetInMember: number,
];

export interface Table {
  readonly version: 1;
  readonly members: readonly Member[];
  readonly entries: readonly TableRow[];
}

const EXTRA_BYTES = 12;
const HEADER_BYTES = 12 + EXTRA_BYTES;
const END_BYTES = 2 * TAR_BLOCK_BYTES;
const STORED_BLOCK_BYTES = 5;

/** The last member's. */
export const TRAILER_BYTES = HEADER_BYTES + STORED_BLOCK_BYTES + END_BYTES + 8;

const MARK = 0x4850; // "PH"

/** The two empty blocks at an archive's end, as a member whose header says where the table begins. */
export function encodeTrailer(tableOffset: number): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeUInt32BE(0x1f8b0804, 0); // gzip, deflate, with an extra field
  trailer.writeUInt8(0xff, 9);
  trailer.writeUInt16LE(EXTRA_BYTES, 10);
  trailer.writeUInt16LE(MARK, 12);
  trailer.writeUInt16LE(EXTRA_BYTES - 4, 14);
  trailer.writeBigUInt64LE(BigInt(tableOffset), 16);
  trailer.writeUInt8(1, HEADER_BYTES); // a last block, stored
  trailer.writeUInt16LE(END_BYTES, HEADER_BYTES + 1);
  trailer.writeUInt16LE(END_BYTES ^ 0xffff, HEADER_BYTES + 3);
  trailer.writeUInt32LE(crc32(Buffer.alloc(END_BYTES)), TRAILER_BYTES - 8);
  trailer.writeUInt32LE(END_BYTES, TRAILER_BYTES - 4);
  return trailer;
}

/** Where the table begins; undefined for what is no trailer. */
export function decodeTrailer(trailer: Buffer): number | undefined {
  if (trailer.length !== TRAILER_BYTES) return undefined;
  const tableOffset = Number(trailer.readBigUInt64LE(16));
  const isTrailer = Number.isSafeInteger(tableOffset) && encodeTrailer(tableOffset).equals(trailer);
  return isTrailer ? tableOffset : undefined;
}
