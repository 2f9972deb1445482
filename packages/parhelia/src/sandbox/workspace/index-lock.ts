import { closeSync, openSync, renameSync, rmSync } from "node:fs";
import type { Repository } from "../../../container/repository/open-repository.ts";
import { ended, startGit, type GitPlace } from "../../../container/repository/run-git.ts";
import { UserError } from "../../errors.ts";

/** Keeps others from changing an index, as Git itself does: by a file beside it, which becomes the new index. */
export class IndexLock implements Disposable {
  readonly #index: string;
  readonly #descriptor: number;
  #isMine = true;

  private constructor(index: string) {
    this.#index = index;
    this.#descriptor = openSync(this.#file, "wx");
  }

  /** @throws UserError when another Git has it, or left it behind */
  static take({ workTree, files: { index } }: Repository): IndexLock {
    try {
      return new IndexLock(index);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      throw new UserError(`another Git is at work in ${workTree}: ${index}.lock is there`, {
        hint: "pull again when it has ended; remove that file if none is running",
        cause: error,
      });
    }
  }

  /** Puts an index in place that Git has as a blob. @throws GitFailure */
  async replaceIndex(place: GitPlace, blob: string): Promise<void> {
    const args = ["cat-file", "blob", blob];
    await ended(startGit(place, args, ["ignore", this.#descriptor, "pipe"]), args);
    renameSync(this.#file, this.#index);
    this.#isMine = false;
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
    if (this.#isMine) rmSync(this.#file, { force: true });
  }

  get #file(): string {
    return `${this.#index}.lock`;
  }
}
