import { ATTACH_PROGRAM } from "../../container/protocol/paths.ts";
import { SystemError, UserError } from "../errors.ts";
import { logLine } from "../log.ts";
import type { Connection } from "../modal/connection.ts";
import { isReadyWithin } from "../modal/sandboxes.ts";
import { SECOND_MS } from "../units.ts";
import { requireSession } from "./session.ts";
import { runOnTerminal } from "./terminal-command.ts";
import type { UserTerminal } from "./terminal.ts";

/** A session that is just starting is waited for; the first part of it in silence. */
const QUIET_WAIT_MS = SECOND_MS;
const READY_TIMEOUT_MS = 60 * SECOND_MS;

/** What parhelia-attach says of a tmux session that was ended instead of detached from. */
const SESSION_CLOSED = 3;

/**
 * Shows the session's tmux session `main` (SPEC-01.AC7) on the user's terminal until they detach.
 * @returns the exit status: 0, or 128 and the number of the signal that ended it
 * @throws UserError when the session does not run, or does not become ready; SystemError when it ends
 *   meanwhile, or tmux cannot show itself on this terminal
 */
export async function attachSession(
  connection: Connection,
  name: string,
  terminal: UserTerminal,
): Promise<number> {
  const sandbox = await requireSession(connection, name);
  if (!(await isReadyWithin(sandbox, QUIET_WAIT_MS))) {
    logLine(`waiting until session ${name} is ready`);
    if (!(await isReadyWithin(sandbox, READY_TIMEOUT_MS))) throw neverReady(name);
  }

  const command = { connection, sandbox, sessionName: name, command: [ATTACH_PROGRAM] };
  const status = await runOnTerminal({ ...command, endingStatus: SESSION_CLOSED }, terminal);
  if (status === 0) {
    logLine(`detached: session ${name} runs on; parhelia attach ${name} comes back to it`);
    return 0;
  }
  if (status === SESSION_CLOSED) {
    logLine(
      `the last window was closed; session ${name} runs on: parhelia attach ${name} opens a window, parhelia stop ${name} ends it`,
    );
    return 0;
  }
  if (status > 128) return status;
  throw new SystemError(`tmux ended with status ${status}; what it printed stands above`, {
    hint: `where this terminal can do more than TERM says: TERM=xterm-256color parhelia attach ${name}`,
  });
}

function neverReady(name: string): UserError {
  return new UserError(
    `session ${name} is running, but was not ready after ${READY_TIMEOUT_MS / SECOND_MS} s`,
    { hint: `parhelia logs ${name} shows what its start does` },
  );
}
