import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { SystemError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { Volume } from "./sandboxes.ts";

const NOT_FOUND = 5;

/**
 * A file of a volume, read without a sandbox; undefined where there is none. As everyone sees it who mounts
 * the volume now: what a sandbox has written and not committed is not in it.
 *
 * @param path from the volume's root, without a slash before it
 * @throws SystemError when the file changed while it was read, or its storage does not answer
 */
export async function readVolumeFile(
  connection: Connection,
  volume: Volume,
  path: string,
): Promise<Buffer | undefined> {
  const found = await findVolumeFile(connection, volume, path);
  if (found === undefined) return undefined;
  return Buffer.concat(await Promise.all(found.getUrls.map((url) => download(url, path))));
}

/** What a file of a volume is like. */
export interface VolumeFileDescription {
  readonly bytes: number;
  /** Hexadecimal; undefined where it was not asked for. */
  readonly digest: string | undefined;
}

/**
 * Describes a file of a volume without a sandbox; undefined where there is none.
 *
 * @param algorithm of Node's `createHash`: the file is read, part by part, for its digest. Default: it is not
 * @throws as `readVolumeFile` does
 */
export async function describeVolumeFile(
  connection: Connection,
  volume: Volume,
  path: string,
  algorithm?: string,
): Promise<VolumeFileDescription | undefined> {
  const found = await findVolumeFile(connection, volume, path);
  if (found === undefined) return undefined;
  if (algorithm === undefined) return { bytes: found.size, digest: undefined };
  const hash = createHash(algorithm);
  for (const url of found.getUrls) hash.update(await download(url, path));
  return { bytes: found.size, digest: hash.digest("hex") };
}

/** Whether a volume has a file. */
export async function hasVolumeFile(
  connection: Connection,
  volume: Volume,
  path: string,
): Promise<boolean> {
  return (await findVolumeFile(connection, volume, path)) !== undefined;
}

/** Something in a volume. */
export interface VolumeFileEntry {
  /** From the volume's root, without a slash before it. */
  readonly path: string;
  /** `other` is neither of the three: a socket, a device. */
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Bytes. */
  readonly size: number;
  /** To the second. */
  readonly modifiedAt: Date;
}

/**
 * What is in a directory of a volume, or the file itself, without a sandbox and in no order; as everyone
 * sees it who mounts the volume now. Empty where there is nothing at the path.
 *
 * @param path from the volume's root; `/` is the root
 * @param recursive also what is below its directories. Default: no
 */
export async function listVolumeFiles(
  { client }: Connection,
  { volumeId }: Volume,
  path: string,
  { recursive = false }: { readonly recursive?: boolean } = {},
): Promise<VolumeFileEntry[]> {
  const files: VolumeFileEntry[] = [];
  try {
    for await (const { entries } of client.cpClient.volumeListFiles2({
      volumeId,
      path,
      recursive,
    })) {
      for (const entry of entries) {
        files.push({
          path: entry.path.replace(/^\/+/, ""),
          kind: FILE_KINDS[entry.type] ?? "other",
          size: entry.size,
          modifiedAt: new Date(entry.mtime * 1000),
        });
      }
    }
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
  return files;
}

/**
 * Removes a file of a volume, without a sandbox. Sandboxes that mount the volume see it until they reload.
 *
 * @param path from the volume's root
 * @param recursive also a directory, with all that is below it. Default: no
 * @returns whether there was something at the path
 */
export async function removeVolumeFile(
  { client }: Connection,
  { volumeId }: Volume,
  path: string,
  { recursive = false }: { readonly recursive?: boolean } = {},
): Promise<boolean> {
  try {
    await client.cpClient.volumeRemoveFile2({ volumeId, path, recursive });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Modal's numbers of what an entry can be. */
const FILE_KINDS: Readonly<Record<number, VolumeFileEntry["kind"]>> = {
  1: "file",
  2: "directory",
  3: "symlink",
};

function isNotFound(error: unknown): boolean {
  return (error as { code?: unknown }).code === NOT_FOUND;
}

/** A file's size, and the addresses of its blocks. */
async function findVolumeFile(
  { client }: Connection,
  { volumeId }: Volume,
  path: string,
): Promise<{ readonly size: number; readonly getUrls: readonly string[] } | undefined> {
  try {
    return await client.cpClient.volumeGetFile2({ volumeId, path });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** So often a part is asked for: a connection may break, or a commit come in between. */
const ATTEMPTS = 3;
const PAUSE_MS = 200;

async function download(url: string, path: string, attempt = 1): Promise<Buffer> {
  try {
    const response = await fetch(url);
    if (response.ok) return Buffer.from(await response.arrayBuffer());
    throw new Error(`HTTP status ${response.status}`);
  } catch (error) {
    if (attempt < ATTEMPTS) {
      await sleep(attempt * PAUSE_MS);
      return download(url, path, attempt + 1);
    }
    // The address is as good as a password: it is not shown.
    throw new SystemError(
      `${path} could not be read from the volume: ${error instanceof Error ? error.message : String(error)}`,
      { hint: "try again", cause: error },
    );
  }
}
