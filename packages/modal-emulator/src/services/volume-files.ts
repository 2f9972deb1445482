import { posix } from "node:path";
import { ServerError, Status } from "nice-grpc";
import type { VolumeEntry } from "../containers/volume-files.ts";
import type { PathKind, PathStat } from "../containers/path-stat.ts";
import type { EmulatorContext } from "../context.ts";
import {
  FileEntry_FileType,
  type FileEntry,
  type ModalClientServiceImplementation,
} from "../generated/modal_client.ts";
import type { VolumeRecord } from "../state/records.ts";
import type { VolumeDownloads } from "./volume-downloads.ts";
import { requireVolume } from "./volumes.ts";

/** Modal keeps files in blocks of this size and gives an address for each. */
const BLOCK_BYTES = 8 * 1024 * 1024;

/** Entries of one message of a list. */
const ENTRIES_A_MESSAGE = 1_000;

/** The files of a volume, without a sandbox. */
export function volumeFileService(
  context: EmulatorContext,
  downloads: VolumeDownloads,
): Pick<
  ModalClientServiceImplementation,
  "volumeGetFile2" | "volumeListFiles2" | "volumeRemoveFile2"
> {
  const { files } = downloads;

  async function find(volumeId: string, path: string): Promise<[VolumeRecord, PathStat]> {
    const volume = requireVolume(context, volumeId);
    const stat = await files.stat(volume, path);
    if (stat === undefined) throw new ServerError(Status.NOT_FOUND, "File not found");
    return [volume, stat];
  }

  return {
    volumeGetFile2: async ({ volumeId, path, start: wantedStart, len: wantedLength }) => {
      const [volume, { kind, size }] = await find(volumeId, path);
      if (kind !== "file") {
        throw new ServerError(Status.INVALID_ARGUMENT, `'${path}' is not a regular file`);
      }
      const start = Math.min(wantedStart, size);
      const end = wantedLength === 0 ? size : Math.min(start + wantedLength, size);
      const parts = blocks(start, end).map((block) => ({ volumeId: volume.id, path, ...block }));
      return { getUrls: await downloads.urls(parts), size, start, len: end - start };
    },

    volumeListFiles2: async function* ({ volumeId, path, maxEntries, recursive }) {
      const [volume] = await find(volumeId, path);
      let rest =
        maxEntries === undefined || maxEntries === 0 ? Number.POSITIVE_INFINITY : maxEntries;
      let entries: FileEntry[] = [];
      for await (const entry of files.list(volume, path, recursive)) {
        entries.push(fileEntry(entry));
        rest -= 1;
        if (rest === 0) break;
        if (entries.length === ENTRIES_A_MESSAGE) {
          yield { entries };
          entries = [];
        }
      }
      if (entries.length > 0) yield { entries };
    },

    volumeRemoveFile2: async ({ volumeId, path, recursive }) => {
      const [volume, { kind }] = await find(volumeId, path);
      if (posix.join("/", path) === "/") {
        throw new ServerError(Status.INVALID_ARGUMENT, "the root of a volume cannot be removed");
      }
      if (kind === "directory" && !recursive) {
        throw new ServerError(
          Status.INVALID_ARGUMENT,
          `'${path}' is a directory: it is removed only recursively`,
        );
      }
      await files.remove(volume, path);
      return {};
    },
  };
}

/** The blocks of a file that `[start, end)` touches, each cut to it. */
function blocks(start: number, end: number): { start: number; end: number }[] {
  const parts = [];
  for (let at = start; at < end;) {
    const next = Math.min(end, (Math.floor(at / BLOCK_BYTES) + 1) * BLOCK_BYTES);
    parts.push({ start: at, end: next });
    at = next;
  }
  return parts;
}

const FILE_TYPES: Readonly<Record<PathKind, FileEntry_FileType>> = {
  file: FileEntry_FileType.FILE,
  directory: FileEntry_FileType.DIRECTORY,
  symlink: FileEntry_FileType.SYMLINK,
  other: FileEntry_FileType.UNSPECIFIED,
};

function fileEntry({ path, kind, size, modifiedAt }: VolumeEntry): FileEntry {
  return { path, type: FILE_TYPES[kind], size, mtime: Math.floor(modifiedAt.getTime() / 1000) };
}
