/** The command line's entry point: parses, runs one command, and ends with its exit status. */
import { readFileSync } from "node:fs";
import { logLine } from "../log.ts";
import { commands, groupSummaries } from "./commands.ts";
import type { CommandContext } from "./command.ts";
import { Interrupt } from "./interrupt.ts";
import { describeFailure } from "./print-error.ts";
import { runProgram } from "./program.ts";
import type { GlobalFlags } from "./program.ts";

const interrupt = new Interrupt();

// Whoever read our output has enough (`parhelia ls | head -1`): that is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : report(error));
});
// What fails outside of the command's own promise, such as a connection that breaks late.
process.on("uncaughtException", (error) => process.exit(report(error)));

process.exit(await main(process.argv.slice(2)));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const exitStatus = await runProgram(argv, {
      version: readVersion(),
      commands,
      groupSummaries,
      createContext,
    });
    return interrupt.exitStatus ?? exitStatus;
  } catch (error) {
    return report(error);
  } finally {
    await new Promise((resolve) => process.stdout.write("", resolve));
  }
}

/** Tells the user; returns the exit status. */
function report(error: unknown): number {
  const failure = describeFailure(error, process.env);
  // What a command throws because it was interrupted is only the way out.
  const text = interrupt.exitStatus === undefined ? failure.text : "interrupted";
  if (text !== "") logLine(text);
  return interrupt.exitStatus ?? failure.exitStatus;
}

function createContext(flags: GlobalFlags): CommandContext {
  return {
    cwd: process.cwd(),
    env: process.env,
    get signal() {
      return interrupt.signal;
    },
    loadConfig: async (commandFlags) => {
      const { loadConfig } = await import("../config/load.ts");
      const loaded = loadConfig({
        cwd: process.cwd(),
        env: process.env,
        flags: { ...commandFlags, ...flags },
      });
      for (const warning of loaded.warnings) logLine(`warning: ${warning}`);
      return loaded;
    },
    print: (line) => process.stdout.write(`${line}\n`),
    printJson: (value) => process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`),
  };
}

/** The package's own, two folders up from `src/cli` and from `dist/cli` alike. */
function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
