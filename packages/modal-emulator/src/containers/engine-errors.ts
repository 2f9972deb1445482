import { ServerError, Status } from "nice-grpc";
import { isEngineGone, type EngineConnection } from "./engine-connection.ts";
import type { Engine } from "./engine.ts";

/** The HTTP status with which the engine refused, if it is the engine that did. */
export function engineStatus(error: unknown): number | undefined {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === "number" ? statusCode : undefined;
}

/** What the engine says is wrong, without the client library's words around it. */
export function engineMessage(error: unknown): string {
  const { json } = (error ?? {}) as { json?: { message?: unknown } | null };
  if (typeof json?.message === "string") return json.message.trim();
  return error instanceof Error ? error.message.trim() : String(error);
}

/**
 * Does something with the engine.
 * @throws ServerError FAILED_PRECONDITION when no engine answers, it stops answering, or it refuses; the
 * SDK does not repeat that. Other errors of `action` pass.
 */
export async function withEngine<T>(
  connection: EngineConnection,
  action: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await connection.get();
  try {
    return await action(engine);
  } catch (error) {
    if (isEngineGone(error)) {
      connection.forget();
      throw new ServerError(Status.FAILED_PRECONDITION, describeGone(engine, error));
    }
    if (engineStatus(error) === undefined) throw error;
    throw new ServerError(
      Status.FAILED_PRECONDITION,
      `the container engine at ${engine.address} refused: ${engineMessage(error)}`,
    );
  }
}

function describeGone(engine: Engine, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? "no answer";
  return `the container engine at ${engine.address} stopped answering (${code}); start it and try again`;
}

/** Takes an answer with one of these HTTP statuses for done: what is wished for is so already. */
export async function ignoreStatus(statuses: readonly number[], done: Promise<unknown>) {
  try {
    await done;
  } catch (error) {
    const status = engineStatus(error);
    if (status === undefined || !statuses.includes(status)) throw error;
  }
}
