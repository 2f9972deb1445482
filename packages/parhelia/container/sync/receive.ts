import { createHash, type Hash } from "node:crypto";
import type { SyncHeader, SyncOutcome } from "../protocol/sync.ts";
import type { Stage, StagedFile } from "./stage.ts";

const LINE_END = 0x0a;

/** Ends a sync without a commit; the host is told why. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly outcome: SyncOutcome;

  constructor(outcome: SyncOutcome) {
    super(outcome.outcome);
    this.outcome = outcome;
  }
}

/** A file that is being received. */
interface Incoming {
  readonly path: string;
  readonly sha256: string;
  readonly file: StagedFile;
  readonly hash: Hash;
  missing: number;
}

/**
 * Takes a sync's bytes in pieces of any size: first the header, then the contents of the files, each written
 * to the stage and checked against the manifest.
 */
export class SyncReceiver {
  readonly #begin: (header: SyncHeader) => Stage;
  #headerPieces: Uint8Array[] = [];
  #contents: Contents | undefined;

  /** @param begin called with the header, before any content; what it throws ends the sync */
  constructor(begin: (header: SyncHeader) => Stage) {
    this.#begin = begin;
  }

  /** @throws Refusal for a content that is not the manifest's; Error for bytes behind the last file */
  push(data: Uint8Array): void {
    if (this.#contents !== undefined) {
      this.#contents.push(data);
      return;
    }
    const end = data.indexOf(LINE_END);
    this.#headerPieces.push(end < 0 ? data : data.subarray(0, end));
    if (end < 0) return;
    const header = JSON.parse(Buffer.concat(this.#headerPieces).toString()) as SyncHeader;
    this.#headerPieces = [];
    this.#contents = new Contents(header, this.#begin(header));
    this.#contents.push(data.subarray(end + 1));
  }

  /** Whether all that the header announced has come. */
  get isComplete(): boolean {
    return this.#contents?.isComplete ?? false;
  }
}

/** The contents behind the header. */
class Contents {
  readonly #header: SyncHeader;
  readonly #stage: Stage;
  #next = 0;
  #incoming: Incoming | undefined;

  constructor(header: SyncHeader, stage: Stage) {
    this.#header = header;
    this.#stage = stage;
  }

  get isComplete(): boolean {
    return this.#incoming === undefined && this.#next === this.#header.sent.length;
  }

  push(data: Uint8Array): void {
    let rest = data;
    for (;;) {
      this.#incoming ??= this.#open();
      if (this.#incoming === undefined) break;
      const part = rest.subarray(0, this.#incoming.missing);
      rest = rest.subarray(part.length);
      write(this.#incoming, part);
      if (this.#incoming.missing > 0) return;
      this.#incoming = undefined;
    }
    if (rest.length > 0) throw new Error(`${rest.length} bytes more than the header announced`);
  }

  #open(): Incoming | undefined {
    const path = this.#header.sent[this.#next];
    if (path === undefined) return undefined;
    this.#next += 1;
    const entry = this.#header.manifest.files[path];
    if (entry === undefined) throw new Error(`${path} is sent and not in the manifest`);
    return {
      path,
      sha256: entry.sha256,
      file: this.#stage.create(path, entry.mode),
      hash: createHash("sha256"),
      missing: entry.size,
    };
  }
}

function write(incoming: Incoming, part: Uint8Array): void {
  incoming.file.write(part);
  incoming.hash.update(part);
  incoming.missing -= part.length;
  if (incoming.missing > 0) return;
  incoming.file.close();
  if (incoming.hash.digest("hex") !== incoming.sha256) {
    throw new Refusal({ outcome: "corrupt", path: incoming.path });
  }
}
