import { gunzipSync, gzipSync } from "node:zlib";

/** What of Bun is used: libdeflate compresses and unpacks several times as fast as zlib. */
interface BunGzip {
  gzipSync(data: Uint8Array, options: { library: "libdeflate"; level: number }): Uint8Array;
  gunzipSync(data: Uint8Array, options: { library: "libdeflate" }): Uint8Array;
}

const bun = (globalThis as { Bun?: BunGzip }).Bun;

/** Five times as fast as `gzip`, and some 7 % larger (source code, libdeflate). */
export const LEVEL = 3;

/** For asking whether something can be compressed at all. */
const PROBE_LEVEL = 1;
const PROBE_BYTES = 4096;

/** Content this small goes with its neighbours. */
const PROBED_FROM_BYTES = 1024;

/** A sample that shrinks by less is of something that is compressed already. */
const WORTHWHILE = 0.94;

/** One member of a gzip file. */
export function compress(data: Uint8Array): Uint8Array {
  return gzip(data, LEVEL);
}

/** The same for what cannot be compressed: as it is, at the speed of a copy. */
export function store(data: Uint8Array): Uint8Array {
  return gzip(data, 0);
}

/**
 * The content of one member.
 * @throws Error when it is none, or its checksum differs
 */
export function decompress(member: Uint8Array): Uint8Array {
  return bun === undefined ? gunzipSync(member) : bun.gunzipSync(member, { library: "libdeflate" });
}

/** Whether compressing is worth its time: not for images, archives, or Git's objects and packs. */
export function isCompressible(data: Uint8Array): boolean {
  if (data.length < PROBED_FROM_BYTES) return true;
  const from = Math.max(0, Math.floor((data.length - PROBE_BYTES) / 2));
  const sample = data.subarray(from, from + PROBE_BYTES);
  return gzip(sample, PROBE_LEVEL).length < sample.length * WORTHWHILE;
}

function gzip(data: Uint8Array, level: number): Uint8Array {
  return bun === undefined
    ? gzipSync(data, { level })
    : bun.gzipSync(data, { library: "libdeflate", level });
}
