import { UserError } from "../errors.ts";
import { connect, type Connection, type ConnectionOptions } from "../modal/connection.ts";
import { explainingErrors } from "../modal/errors.ts";
import { findSandbox, type Sandbox } from "../modal/sandboxes.ts";

/** Connects, works, and closes the connection whatever happens; errors are made fit for people. */
export async function withConnection<T>(
  options: ConnectionOptions,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(options);
  try {
    return await explainingErrors(options.target, () => work(connection));
  } finally {
    connection.close();
  }
}

/**
 * The sandbox of a session that runs.
 * @throws UserError when there is none
 */
export async function requireSession(connection: Connection, name: string): Promise<Sandbox> {
  const sandbox = await findSandbox(connection, name);
  if (sandbox !== undefined) return sandbox;
  throw noSuchSession(name);
}

/** No session of that name runs. */
export function noSuchSession(name: string): UserError {
  return new UserError(`no session named ${name} is running`, {
    hint: `parhelia ls lists what runs; parhelia up ${name} starts it`,
  });
}
