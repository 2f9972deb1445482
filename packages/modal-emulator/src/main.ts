import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { serve } from "./serve.ts";
import { StateInUseError } from "./state/store.ts";

const USAGE =
  "usage: modal-emulator serve --state DIRECTORY [--port PORT] [--volumes direct|committed]";

/** Between background commits of volumes, where nothing else is said. */
const COMMIT_INTERVAL_S = 5;

/** The emulator's own process. It ends with 0 when another one already serves the state directory. */
async function main(argv: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      state: { type: "string" },
      port: { type: "string" },
      volumes: { type: "string", default: process.env["MODAL_EMULATOR_VOLUMES"] || "direct" },
    },
  });
  const isMode = values.volumes === "direct" || values.volumes === "committed";
  if (positionals[0] !== "serve" || values.state === undefined || !isMode) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  try {
    await serve({
      stateDirectory: values.state,
      build: buildIdentity(),
      ...(values.volumes === "direct" ? {} : { commitIntervalS: commitIntervalS() }),
      ...(values.port === undefined ? {} : { port: Number(values.port) }),
    });
    return 0;
  } catch (error) {
    if (error instanceof StateInUseError) return 0;
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  }
}

/** Seconds; a program that tests may not want to wait. */
function commitIntervalS(): number {
  return Number(process.env["MODAL_EMULATOR_COMMIT_INTERVAL_S"]) || COMMIT_INTERVAL_S;
}

/** Tells this build of the emulator from an earlier one. */
function buildIdentity(): string {
  const { mtimeMs, size } = statSync(fileURLToPath(import.meta.url));
  return `${Math.trunc(mtimeMs)}-${size}`;
}

// Not by itself: a build that runs on would write into a state that the next process owns.
process.exit(await main(process.argv.slice(2)));
