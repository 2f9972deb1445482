/** How long one of init's five steps took. */
export interface StepTime {
  /** As it stands in the log, e.g. `link-config`. */
  readonly name: string;
  readonly durationMs: number;
}

/** What init writes down once the sandbox is ready, in `INIT_RECORD_FILE`. */
export interface InitRecord {
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** From its start to ready. */
  readonly readyMs: number;
  readonly steps: readonly StepTime[];
}
