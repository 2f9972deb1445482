/**
 * `npm run bench`: what Parhelia adds to the engine, measured side by side in one run. It measures in the
 * user's own state directory, on target `local`, with a session of its own; it never fails by a clock. The part
 * in which sandboxes are killed has a home of its own.
 */
import { join, resolve } from "node:path";
import { findEngine } from "modal-emulator/admin";
import { PARHELIA, parhelia } from "../../scripts/quickstart/parhelia-program.ts";
import { runProgram } from "../support/run-program.ts";
import { measureCheckpoints } from "./checkpoint.ts";
import { findEngineClient } from "./engine-client.ts";
import { measureRecovery } from "./recovery.ts";
import { countRoundTrips, type RoundTrip } from "./round-trips.ts";
import { summarise, timed } from "./statistics.ts";
import { measureSync } from "./sync.ts";

const ROUNDS = 10;
const SYNC_ROUNDS = 5;
const CHECKPOINT_ROUNDS = 3;
const SESSION = "bench";
/** Each start is one of a new session that works on nothing: what is compared is a bare container. */
const UP = ["up", SESSION, "--new", "--no-workspace"];
const UP_BAR = 2.5;
const EXEC_BAR = 4;
const ROUND_TRIPS_BAR = 4;

function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

interface Measured {
  readonly label: string;
  readonly durationsMs: number[];
  readonly action: () => Promise<unknown>;
}

async function main(): Promise<void> {
  const engine = await findEngine();
  const client = await findEngineClient(engine);
  const { stateDirectory } = await json<{ stateDirectory: string }>(["local", "status"]);
  print("preparing: image and emulator");
  await parhelia(UP, { live: true });
  const { container, image } = await containerOf(engine.docker, SESSION);
  await parhelia(["stop", SESSION]);

  let sandboxContainer = container;
  const run = measured(`${client.label}: run --rm IMAGE true`, () => client.run(image));
  const up = measured("parhelia up", () => parhelia(UP));
  const engineExec = measured(`${client.label}: exec C true`, () => client.exec(sandboxContainer));
  const exec = measured("parhelia exec NAME -- true", () =>
    parhelia(["exec", SESSION, "--", "true"]),
  );
  const node = measured("node -e 0", () =>
    runProgram(process.execPath, ["-e", "0"], { env: process.env, timeoutMs: 60_000 }),
  );

  // One round more, whose times are not kept: the first reads what the others find in memory.
  for (let round = -1; round < ROUNDS; round += 1) {
    await measure(run, round);
    await measure(up, round);
    ({ container: sandboxContainer } = await containerOf(engine.docker, SESSION));
    await measure(engineExec, round);
    await measure(exec, round);
    await measure(node, round);
    await parhelia(["stop", SESSION]);
  }
  printTable([run, up, engineExec, exec, node]);
  printRatio("parhelia up / run", up, run, UP_BAR);
  printRatio("parhelia exec / exec", exec, engineExec, EXEC_BAR);
  printRoundTrips(await roundTripsOfUp(stateDirectory));
  await measureSync({ engine, image, stateDirectory, rounds: SYNC_ROUNDS, print });
  await measureCheckpoints({ rounds: CHECKPOINT_ROUNDS, print });
  await measureRecovery({ print });
}

function measured(label: string, action: () => Promise<unknown>): Measured {
  return { label, action, durationsMs: [] };
}

async function measure({ action, durationsMs }: Measured, round: number): Promise<void> {
  const durationMs = await timed(action);
  if (round >= 0) durationsMs.push(durationMs);
}

async function json<T>(args: readonly string[]): Promise<T> {
  const { stdout } = await parhelia([...args, "--json"]);
  return JSON.parse(stdout) as T;
}

/** The engine's container of a session, and the image that it was made from. */
async function containerOf(
  docker: Awaited<ReturnType<typeof findEngine>>["docker"],
  session: string,
): Promise<{ container: string; image: string }> {
  const sessions = await json<{ name: string; sandboxId: string }[]>(["ls"]);
  const { sandboxId } = sessions.find(({ name }) => name === session) ?? {};
  const label = [`modal-emulator.sandbox=${sandboxId ?? ""}`];
  const [found] = await docker.listContainers({ filters: { label } });
  if (found === undefined) throw new Error(`the engine has no container of session ${session}`);
  return { container: found.Id, image: found.ImageID };
}

async function roundTripsOfUp(stateDirectory: string): Promise<readonly RoundTrip[]> {
  const config = resolve(import.meta.dirname, "../../scripts/quickstart/parhelia.toml");
  try {
    return await countRoundTrips(stateDirectory, async (env) => {
      const args = ["--target", "modal", "--config", config, ...UP];
      const { exitStatus, stderr } = await runProgram(PARHELIA, args, {
        // An empty profile: nothing of the user's own reaches this emulator, or Modal.
        env: { ...process.env, ...env, MODAL_CONFIG_PATH: join(stateDirectory, "no-modal.toml") },
        timeoutMs: 60_000,
      });
      if (exitStatus !== 0) throw new Error(`parhelia up ended with ${exitStatus}: ${stderr}`);
    });
  } finally {
    await parhelia(["stop", SESSION]);
  }
}

function printTable(all: readonly Measured[]): void {
  const milliseconds = (value: number): string => `${Math.round(value)} ms`.padStart(10);
  print();
  print(`${`medians of ${ROUNDS}, interleaved`.padEnd(40)}    median       min       max`);
  for (const { label, durationsMs } of all) {
    const { medianMs, minMs, maxMs } = summarise(durationsMs);
    const columns = [medianMs, minMs, maxMs].map(milliseconds).join("");
    print(`${label.padEnd(40)}${columns}`);
  }
  print();
}

function printRatio(label: string, measuredOne: Measured, base: Measured, bar: number): void {
  const ratio = summarise(measuredOne.durationsMs).medianMs / summarise(base.durationsMs).medianMs;
  print(`${label.padEnd(40)}${ratio.toFixed(2).padStart(7)}   (bar ${bar})`);
}

function printRoundTrips(rounds: readonly RoundTrip[]): void {
  const count = String(rounds.length).padStart(4);
  print(`${"sequential round trips to ready".padEnd(40)}${count}      (bar ${ROUND_TRIPS_BAR})`);
  for (const [index, methods] of rounds.entries())
    print(`  ${index + 1}. ${methods.map(shortName).join(", ")}`);
}

/** `AppGetOrCreate` of `/modal.client.ModalClient/AppGetOrCreate`. */
function shortName(method: string): string {
  return method.slice(method.lastIndexOf("/") + 1);
}

await main();
