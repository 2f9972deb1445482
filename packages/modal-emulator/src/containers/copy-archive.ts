import { posix } from "node:path";
import { Readable } from "node:stream";
import tar from "tar-stream";

/** A file that comes with the request, or a here-document. */
export interface ContextFile {
  readonly name: string;
  readonly data: Uint8Array;
}

/** `--chown` and `--chmod` of a COPY. */
export interface CopyAttributes {
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
}

/** Files as an archive. */
export function packFiles(files: readonly ContextFile[], attributes: CopyAttributes): Readable {
  const pack = tar.pack();
  for (const { name, data } of files) {
    pack.entry({ name, mode: 0o644, ...attributes }, Buffer.from(data));
  }
  pack.finalize();
  return Readable.from(pack);
}

/**
 * An archive with another name for its root: `rename` turns the path below the archive's own first name
 * (empty for the root itself) into the new path, or undefined to leave the entry out.
 */
export function repack(
  archive: NodeJS.ReadableStream,
  rename: (below: string) => string | undefined,
  attributes: CopyAttributes,
): Readable {
  const pack = tar.pack();
  void copyEntries(archive, pack, rename, attributes).catch((error: unknown) => {
    pack.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return Readable.from(pack);
}

async function copyEntries(
  archive: NodeJS.ReadableStream,
  pack: tar.Pack,
  rename: (below: string) => string | undefined,
  { mode, ...owner }: CopyAttributes,
): Promise<void> {
  const extract = tar.extract();
  archive.on("error", (error: Error) => extract.destroy(error));
  archive.pipe(extract);
  for await (const entry of extract) {
    const { header } = entry;
    const name = rename(below(header.name));
    if (name === undefined) {
      entry.resume();
      continue;
    }
    const linkname = header.type === "link" ? rename(below(header.linkname)) : null;
    const isPlain = header.type === "file" || header.type === "directory";
    const target = pack.entry({
      ...header,
      ...owner,
      ...(mode !== undefined && isPlain ? { mode } : {}),
      name,
      ...(linkname ? { linkname } : {}),
      pax: null,
    });
    for await (const chunk of entry) {
      if (!target.write(chunk)) await drained(target);
    }
    target.end(null);
  }
  pack.finalize();
}

function drained(sink: { once(event: "drain", listener: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => sink.once("drain", resolve));
}

/** The part of an entry's name behind the archive's first name. */
function below(name: string): string {
  return posix.normalize(name).split("/").slice(1).join("/").replace(/\/$/, "");
}
