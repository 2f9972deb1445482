import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pathInVolume, SYNC_MANIFEST_FILE, VOLUME_ROOT } from "../../src/volume/layout.ts";
import { commitVolume } from "../commit-volume.ts";
import type { ManifestFile, SyncHeader, SyncManifest, SyncOutcome } from "../protocol/sync.ts";
import { parseManifest, SYNC_SILENCE_MS } from "../protocol/sync.ts";
import { commit, removeOldStages, rollForward, type CommitVolume } from "./commit.ts";
import { unpackPieces } from "./pieces.ts";
import { Refusal, SyncReceiver } from "./receive.ts";
import { Stage } from "./stage.ts";
import { EDITABLE_FILES, isSyncedPath } from "./synced-paths.ts";

/** `apply-sync`: takes a sync on standard input and says on standard output what became of it. */
export async function applySync(): Promise<void> {
  process.umask(0o022);
  process.once("SIGTERM", () => process.stdin.destroy(new Error("the sandbox is being ended")));
  try {
    const outcome = await receiveSync(VOLUME_ROOT, process.stdin, { commitVolume });
    commitVolume();
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  } catch (error) {
    process.stderr.write(
      `parhelia apply-sync: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 1;
  }
}

export interface ReceiveOptions {
  readonly silenceMs?: number;
  readonly commitVolume?: CommitVolume | undefined;
}

/**
 * Brings a volume to what a sync says, wholly or not at all.
 * @param volume where it is mounted
 * @param options.silenceMs gives up after so long without input
 * @param options.commitVolume default: nothing, for a directory that is no volume
 * @throws Error when the input ends early, falls silent, or is no sync; nothing was done then
 */
export async function receiveSync(
  volume: string,
  input: Readable,
  { silenceMs = SYNC_SILENCE_MS, commitVolume }: ReceiveOptions = {},
): Promise<SyncOutcome> {
  rollForward(volume, commitVolume);
  const sync = new IncomingSync(volume, commitVolume);
  const receiver = new SyncReceiver((header) => sync.begin(header));
  const silence = setTimeout(() => {
    input.destroy(new Error(`the other side was silent for ${silenceMs} ms`));
  }, silenceMs);
  try {
    for await (const data of unpackPieces(noticing(input, () => silence.refresh()))) {
      receiver.push(data);
    }
    if (!receiver.isComplete) throw new Error("the input ended before all of the sync had come");
    return sync.commit();
  } catch (error) {
    sync.abandon();
    if (error instanceof Refusal) return error.outcome;
    throw error;
  } finally {
    clearTimeout(silence);
  }
}

/** The same input, with a notice of each part of it. */
async function* noticing(input: AsyncIterable<Uint8Array>, notice: () => void) {
  for await (const data of input) {
    notice();
    yield data;
  }
}

/** One sync, from its header to its commit. */
class IncomingSync {
  readonly #volume: string;
  readonly #commitVolume: CommitVolume | undefined;
  #header: SyncHeader | undefined;
  #current: SyncManifest | undefined;
  #stage: Stage | undefined;

  constructor(volume: string, commitVolume: CommitVolume | undefined) {
    this.#volume = volume;
    this.#commitVolume = commitVolume;
  }

  /** @throws Refusal where the volume is not what the host compared with */
  begin(header: SyncHeader): Stage {
    const stray = Object.keys(header.manifest.files).find((path) => !isSyncedPath(path));
    if (stray !== undefined) throw new Error(`a sync does not write to ${stray}`);
    this.#header = header;
    this.#current = readManifest(this.#volume);
    if ((this.#current?.digest ?? null) !== header.base) throw new Refusal({ outcome: "stale" });
    this.#requireUnchanged(header);
    this.#stage = new Stage(this.#volume);
    removeOldStages(this.#volume);
    return this.#stage;
  }

  commit(): SyncOutcome {
    const [header, stage] = [this.#header, this.#stage];
    if (header === undefined || stage === undefined) throw new Error("no sync has begun");
    const keptEdited = header.overwriteEdited
      ? []
      : EDITABLE_FILES.filter((p) => this.#isEdited(p));
    for (const path of keptEdited) rmSync(stage.pathOf(path), { force: true });
    const removals = Object.keys(this.#current?.files ?? {}).filter(
      (path) => header.manifest.files[path] === undefined && !keptEdited.includes(path),
    );
    stage.complete(header.manifest, removals);
    const isCurrent = readManifest(this.#volume)?.digest === this.#current?.digest;
    if (!isCurrent || !commit(this.#volume, stage.directory, this.#commitVolume)) {
      throw new Refusal({ outcome: "stale" });
    }
    rollForward(this.#volume, this.#commitVolume);
    return { outcome: "committed", removedFiles: removals.length, keptEdited };
  }

  abandon(): void {
    if (this.#stage === undefined) return;
    rmSync(this.#stage.directory, { recursive: true, force: true });
  }

  #requireUnchanged({ manifest, sent }: SyncHeader): void {
    const isSent = new Set(sent);
    for (const [path, { size }] of Object.entries(manifest.files)) {
      if (isSent.has(path)) continue;
      const found = lstatSync(join(this.#volume, path), { throwIfNoEntry: false });
      const isThere = found?.isFile() === true;
      if (!isThere || (found.size !== size && !EDITABLE_FILES.includes(path))) {
        throw new Refusal({ outcome: "incomplete" });
      }
    }
  }

  /** Whether the volume's file is neither what the last sync brought nor what this one brings. */
  #isEdited(path: string): boolean {
    const file = join(this.#volume, path);
    if (!existsSync(file)) return false;
    const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
    const isOf = (manifest: { files: Readonly<Record<string, ManifestFile>> } | undefined) =>
      manifest?.files[path]?.sha256 === sha256;
    return !isOf(this.#current) && !isOf(this.#header?.manifest);
  }
}

function readManifest(volume: string): SyncManifest | undefined {
  const file = join(volume, pathInVolume(SYNC_MANIFEST_FILE));
  if (!existsSync(file)) return undefined;
  return parseManifest(readFileSync(file, "utf8"));
}
