import { BuildLog } from "./build-log.ts";

/** How a build ended. */
export type BuildResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** A client that followed a build may be away this long: the SDK asks anew every 55 s. */
const ABSENCE_MS = 5_000;

/** A build of this process: running, or ended not long ago. */
export class Build {
  readonly imageId: string;
  readonly log = new BuildLog();
  /** Set when it has ended; the log's readers are woken then. */
  result?: BuildResult;
  readonly #abandonment = new AbortController();
  #followers = 0;

  constructor(imageId: string) {
    this.imageId = imageId;
  }

  /** Aborted when everybody who followed the build has gone: whoever interrupted it wants it no more. */
  get abandoned(): AbortSignal {
    return this.#abandonment.signal;
  }

  /** Counts somebody who follows the build, until the returned function is called. */
  follow(): () => void {
    this.#followers++;
    return () => {
      this.#followers--;
      setTimeout(() => {
        if (this.#followers === 0 && this.result === undefined) this.#abandonment.abort();
      }, ABSENCE_MS).unref();
    };
  }
}
