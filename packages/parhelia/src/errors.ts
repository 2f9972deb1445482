/** Who can mend an error: 2, the user by asking differently; 1, ours or the system's fault. */
export type FailureStatus = 1 | 2;

/**
 * An error that a person will read. The message says what happened, with names and numbers, and why;
 * the hint says what to type or change next. `cli/print-error.ts` is the one place that prints it.
 */
export class ParheliaError extends Error {
  override readonly name: string = "ParheliaError";
  readonly hint: string;
  readonly exitStatus: FailureStatus;

  constructor(
    message: string,
    options: { hint: string; exitStatus: FailureStatus; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.hint = options.hint;
    this.exitStatus = options.exitStatus;
  }
}

/** The user can mend it by asking differently: exit status 2. */
export class UserError extends ParheliaError {
  override readonly name = "UserError";

  constructor(message: string, options: { hint: string; cause?: unknown }) {
    super(message, { ...options, exitStatus: 2 });
  }
}

/** Our fault or the system's (no engine, disk full, a broken image): exit status 1. */
export class SystemError extends ParheliaError {
  override readonly name = "SystemError";

  constructor(message: string, options: { hint: string; cause?: unknown }) {
    super(message, { ...options, exitStatus: 1 });
  }
}
