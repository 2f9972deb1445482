import type { ListedCheckpoint } from "./listing.ts";

/** How much several checkpoints hold that share files: a shared file is freed with the last that has it. */
export class StoredBytes {
  readonly #holders = new Map<string, number>();
  #total = 0;

  constructor(checkpoints: readonly ListedCheckpoint[]) {
    for (const checkpoint of checkpoints) this.add(checkpoint);
  }

  /** Of all that are there. */
  get total(): number {
    return this.#total;
  }

  /** @returns what it adds */
  add({ files }: ListedCheckpoint): number {
    const before = this.#total;
    for (const { id, bytes } of files) {
      const holders = this.#holders.get(id) ?? 0;
      this.#holders.set(id, holders + 1);
      if (holders === 0) this.#total += bytes;
    }
    return this.#total - before;
  }

  /** @returns what its removal frees */
  remove({ files }: ListedCheckpoint): number {
    const before = this.#total;
    for (const { id, bytes } of files) {
      const holders = (this.#holders.get(id) ?? 0) - 1;
      this.#holders.set(id, holders);
      if (holders === 0) this.#total -= bytes;
    }
    return before - this.#total;
  }
}
