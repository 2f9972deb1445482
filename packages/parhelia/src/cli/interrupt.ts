import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * The user's or the system's wish to end, as an AbortSignal. Listening starts with the first look at
 * `signal`: a command that never looks is ended by the signal at once, as any program.
 */
export class Interrupt {
  #controller: AbortController | undefined;
  #exitStatus: number | undefined;

  /** Aborted by the first SIGINT or SIGTERM; a second one ends the process there and then. */
  get signal(): AbortSignal {
    this.#controller ??= this.#listen();
    return this.#controller.signal;
  }

  /** 130 for SIGINT, 143 for SIGTERM; undefined when neither came. */
  get exitStatus(): number | undefined {
    return this.#exitStatus;
  }

  #listen(): AbortController {
    const controller = new AbortController();
    for (const name of SIGNALS) {
      process.on(name, () => {
        const again = this.#exitStatus !== undefined;
        this.#exitStatus = 128 + constants.signals[name];
        if (again) process.exit(this.#exitStatus);
        controller.abort();
      });
    }
    return controller;
  }
}
