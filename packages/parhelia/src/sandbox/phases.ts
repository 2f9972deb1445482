/** One part of a start and how long it took. */
export interface Phase {
  readonly name: string;
  readonly durationMs: number;
}

/** Measures what follows one another. */
export class PhaseTimer {
  readonly phases: Phase[] = [];
  readonly #startMs = performance.now();
  #lastMs = this.#startMs;

  /** Ends the phase that began with the previous call, or with the timer. */
  end(name: string): void {
    const nowMs = performance.now();
    this.phases.push({ name, durationMs: nowMs - this.#lastMs });
    this.#lastMs = nowMs;
  }

  /** Since the timer began. */
  get totalMs(): number {
    return this.#lastMs - this.#startMs;
  }
}
