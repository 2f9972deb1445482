/**
 * The home's volume, read past Parhelia and the emulator: no program runs in a sandbox for it, so that
 * nothing is put in order before.
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import tar from "tar-stream";
import type { SyncManifest } from "../../packages/parhelia/container/protocol/sync.ts";
import { containersOf, engine } from "./engine-things.ts";
import { eventually } from "./eventually.ts";
import type { ParheliaHome } from "./parhelia.ts";

const SYNC = "config/.sync";

/** A regular file of a volume. */
export interface VolumeFile {
  readonly sha256: string;
  readonly mode: number;
  readonly uid: number;
}

/** The files where syncs write, by their path from the volume's root. */
export async function syncedFiles(home: ParheliaHome): Promise<ReadonlyMap<string, VolumeFile>> {
  const files = new Map<string, VolumeFile>();
  for (const root of ["config/claude", "plugins"]) {
    for await (const { header, content } of archive(home, root)) {
      if (header.type !== "file") continue;
      const path = posix.join(posix.dirname(root), header.name);
      const sha256 = createHash("sha256").update(content).digest("hex");
      files.set(path, { sha256, mode: header.mode & 0o7777, uid: header.uid });
    }
  }
  return files;
}

/** The names of what syncs keep for themselves. */
export async function keptBySyncs(home: ParheliaHome): Promise<string[]> {
  const names = new Set<string>();
  for await (const { header } of archive(home, SYNC)) names.add(header.name.split("/")[1] ?? "");
  return [...names].filter((name) => name !== "").sort();
}

/** The digest of the sync that the volume has completely; undefined while one is put in place. */
export async function completeDigest(home: ParheliaHome): Promise<string | undefined> {
  for await (const { content } of archive(home, `${SYNC}/manifest.json`)) {
    const { digest } = JSON.parse(content.toString()) as SyncManifest;
    for await (const _file of archive(home, `${SYNC}/complete-${digest}`)) return digest;
  }
  return undefined;
}

/**
 * The files and their sync's digest, at a moment when no sync is putting its own in place: a reader that
 * takes a while would see some of both.
 */
export function settledFiles(
  home: ParheliaHome,
): Promise<{ files: ReadonlyMap<string, VolumeFile>; digest: string }> {
  return eventually("a settled volume", 20_000, async () => {
    const digest = await completeDigest(home);
    // The engine breaks an archive off when a file in it changes.
    const files = await syncedFiles(home).catch(() => undefined);
    const isSettled = digest !== undefined && (await completeDigest(home)) === digest;
    return isSettled && files !== undefined ? { files, digest } : undefined;
  });
}

async function* archive(home: ParheliaHome, path: string) {
  const container = await containerWithVolume(home);
  const extract = tar.extract();
  let stream;
  try {
    stream = await container.getArchive({ path: posix.join("/volume", path) });
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return; // there is none yet
    throw error;
  }
  stream.pipe(extract);
  for await (const entry of extract) {
    const parts: Buffer[] = [];
    for await (const part of entry as AsyncIterable<Buffer>) parts.push(part);
    yield { header: entry.header, content: Buffer.concat(parts) };
  }
}

/** The container through which the emulator reads the home's volume; it has only one. */
async function containerWithVolume(home: ParheliaHome) {
  const helper = (await containersOf(home)).find(({ Names }) => Names[0]?.includes("-files-vo-"));
  if (helper === undefined) throw new Error("nothing was ever read from the home's volume");
  return (await engine()).getContainer(helper.Id);
}
