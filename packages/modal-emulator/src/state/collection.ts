import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/**
 * Records of one kind, each a JSON file of its own, kept in memory and written through.
 *
 * A record is written beside its file and renamed over it: a SIGKILL at any moment leaves the old or the
 * new one. It is not synchronised to the disk, since a machine that loses power loses its containers too.
 */
export class Collection<R extends { readonly id: string }> {
  readonly #directory: string;
  readonly #records = new Map<string, R>();

  /** Opens the collection in `directory`, which is made with access for this user alone. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(directory)) {
      if (!file.endsWith(".json")) rmSync(join(directory, file)); // what a killed write left behind
    }
    for (const record of readRecords<R>(directory)) this.#records.set(record.id, record);
  }

  get(id: string): R | undefined {
    return this.#records.get(id);
  }

  values(): R[] {
    return [...this.#records.values()];
  }

  find(matches: (record: R) => boolean): R | undefined {
    for (const record of this.#records.values()) if (matches(record)) return record;
    return undefined;
  }

  /** Adds or replaces a record; it is durable when this returns. */
  put(record: R): R {
    const file = this.#file(record.id);
    const beside = `${file}.new`;
    writeFileSync(beside, JSON.stringify(record), { mode: 0o600 });
    renameSync(beside, file);
    this.#records.set(record.id, record);
    return record;
  }

  /** Changes some fields of a record that exists. */
  update(id: string, change: Partial<R>): R {
    const record = this.#records.get(id);
    if (record === undefined) throw new Error(`no record ${id} in ${this.#directory}`);
    return this.put({ ...record, ...change });
  }

  delete(id: string): void {
    rmSync(this.#file(id), { force: true });
    this.#records.delete(id);
  }

  #file(id: string): string {
    return join(this.#directory, `${encodeURIComponent(id)}.json`);
  }
}

/** Reads the records in a directory without owning them; none where it does not exist. */
export function readRecords<R extends { readonly id: string }>(directory: string): R[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(directory, file), "utf8")) as R);
}
