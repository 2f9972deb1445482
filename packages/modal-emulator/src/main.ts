import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { serve } from "./serve.ts";
import { StateInUseError } from "./state/store.ts";

const USAGE = "usage: modal-emulator serve --state DIRECTORY [--port PORT]";

/** The emulator's own process. It ends with 0 when another one already serves the state directory. */
async function main(argv: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { state: { type: "string" }, port: { type: "string" } },
  });
  if (positionals[0] !== "serve" || values.state === undefined) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  try {
    await serve({
      stateDirectory: values.state,
      build: buildIdentity(),
      ...(values.port === undefined ? {} : { port: Number(values.port) }),
    });
    return 0;
  } catch (error) {
    if (error instanceof StateInUseError) return 0;
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  }
}

/** Tells this build of the emulator from an earlier one. */
function buildIdentity(): string {
  const { mtimeMs, size } = statSync(fileURLToPath(import.meta.url));
  return `${Math.trunc(mtimeMs)}-${size}`;
}

// Not by itself: a build that runs on would write into a state that the next process owns.
process.exit(await main(process.argv.slice(2)));
