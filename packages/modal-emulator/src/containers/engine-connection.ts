import { ServerError, Status } from "nice-grpc";
import { findEngine, NoEngineError, type Engine } from "./engine.ts";

/**
 * The engine that the emulator works with: found at the first need, looked for again when it has gone.
 * Services that need none (secrets, apps) work without one.
 */
export class EngineConnection {
  #found: Promise<Engine> | undefined;

  /** @throws ServerError FAILED_PRECONDITION when no engine answers: the SDK does not repeat that */
  async get(): Promise<Engine> {
    this.#found ??= findEngine();
    try {
      return await this.#found;
    } catch (error) {
      this.#found = undefined;
      if (error instanceof NoEngineError) {
        throw new ServerError(Status.FAILED_PRECONDITION, error.message);
      }
      throw error;
    }
  }

  /** Looks for the engine anew at the next need. */
  forget(): void {
    this.#found = undefined;
  }
}

/** Codes of a connection that broke: the engine was stopped, or restarts. */
const CONNECTION_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ENOTCONN"]);

/** Whether the error says that the engine itself is gone, not that it refused something. */
export function isEngineGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code !== undefined && CONNECTION_CODES.has(code);
}
