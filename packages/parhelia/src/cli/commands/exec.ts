import { passThrough } from "../../sandbox/pass-through.ts";
import { startCommand, type CommandTerminal } from "../../sandbox/exec.ts";
import { requireSession, withConnection } from "../../sandbox/session.ts";
import { runOnTerminal } from "../../sandbox/terminal-command.ts";
import { UserTerminal } from "../../sandbox/terminal.ts";
import { actOn } from "../acting.ts";
import type { RunCommand } from "../command.ts";
import type { ExecArguments, ExecOptions } from "../command-types.ts";

/** For a command that wants a terminal where the user has none, such as a script's. */
const STAND_IN: CommandTerminal = {
  rows: 24,
  columns: 80,
  type: "xterm-256color",
  trueColor: true,
};

/** `parhelia exec`: a command in a session; ends with its status. */
export const run: RunCommand<ExecArguments, ExecOptions> = async (context, args, options) => {
  const { name: sessionName, command } = args;
  const { tty, ...execOptions } = options;
  const terminal = tty ? UserTerminal.of(process, context.env) : undefined;
  const target = actOn(await context.loadConfig());
  return withConnection(target, async (connection) => {
    const sandbox = await requireSession(connection, sessionName);
    if (terminal !== undefined) {
      const inner = { connection, sandbox, sessionName, command, options: execOptions };
      return runOnTerminal(inner, terminal);
    }
    const running = await startCommand(sandbox, command, {
      ...execOptions,
      terminal: tty ? STAND_IN : undefined,
    });
    return passThrough(running, process);
  });
};
