import { UserError } from "../../errors.ts";
import { attachSession } from "../../sandbox/attach-session.ts";
import { withConnection } from "../../sandbox/session.ts";
import { UserTerminal } from "../../sandbox/terminal.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { None, SessionArgument } from "../command-types.ts";

/** `parhelia attach`: a session's tmux session in this terminal. */
export const run: RunCommand<SessionArgument, None> = async (context, { name }) => {
  const loaded = await context.loadConfig();
  const terminal = UserTerminal.of(process, context.env);
  if (terminal === undefined) {
    throw new UserError("attach needs a terminal, as its standard input and its standard output", {
      hint: `without one, run a command: parhelia exec ${name} -- tmux capture-pane -p -t main`,
    });
  }
  return withConnection(actOn(loaded), (connection) => attachSession(connection, name, terminal));
};
