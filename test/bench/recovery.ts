import { ParheliaHome } from "../support/parhelia.ts";
import { KilledSession, type Recovery } from "../support/sudden-end.ts";
import { summarise } from "./statistics.ts";

/** How often the container is killed, what chooses the moments, and how often checkpoints are taken. */
const KILLS = Number(process.env["PARHELIA_KILLS"] ?? 5);
const SEED = Number(process.env["PARHELIA_SEED"] ?? 1);
const INTERVAL_S = Number(process.env["PARHELIA_BENCH_INTERVAL_S"] ?? 5);
/** Of the emulator: between the commits of a volume that nobody asks for. */
const COMMIT_INTERVAL_S = 5;

/** What a measurement of recovery needs. */
export interface RecoveryBenchOptions {
  readonly print: (line: string) => void;
}

/**
 * Measures how much work is lost when a session's container is killed with SIGKILL while the real Claude Code
 * edits files; the model's answers are scripted. It has a home of its own, whose volume loses with a sandbox
 * what was not committed, as on Modal.
 * @throws Error when a session cannot be resumed, or comes back with a damaged checkpoint or a torn file
 */
export async function measureRecovery({ print }: RecoveryBenchOptions): Promise<void> {
  if (KILLS === 0) return;
  const home = new ParheliaHome();
  try {
    await home.succeed(["image", "build"]);
    await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
      stdin: "no-key",
    });
    report(await killAgainAndAgain(home, print), print);
  } finally {
    await home.cleanUp();
  }
}

async function killAgainAndAgain(
  home: ParheliaHome,
  print: (line: string) => void,
): Promise<readonly Recovery[]> {
  const session = new KilledSession(home, { intervalMs: INTERVAL_S * 1_000, seed: SEED });
  const recoveries: Recovery[] = [];
  print("");
  print(`${KILLS} kills of a session at work (seed ${SEED}), a checkpoint every ${INTERVAL_S} s`);
  await session.up();
  while (recoveries.length < KILLS) {
    const recovery = await session.killAndResume();
    recoveries.push(recovery);
    const { kept, edits, lostMs } = recovery;
    const head = `  ${String(recoveries.length).padStart(2)}. kept ${kept} of ${edits} edits`;
    print(`${head.padEnd(40)}${seconds(lostMs)} lost`);
    checkWhole(recovery);
  }
  return recoveries;
}

function checkWhole({ torn, damaged }: Recovery): void {
  if (torn.length > 0) throw new Error(`torn files came back: ${torn.join(", ")}`);
  if (damaged.length > 0) throw new Error(`damaged checkpoints: ${damaged.join("; ")}`);
}

function report(recoveries: readonly Recovery[], print: (line: string) => void): void {
  const { medianMs, maxMs } = summarise(recoveries.map(({ lostMs }) => lostMs));
  const bar = `${INTERVAL_S + COMMIT_INTERVAL_S} s: interval ${INTERVAL_S} s + commit interval ${COMMIT_INTERVAL_S} s`;
  print(`${"recovery point, median".padEnd(40)}${seconds(medianMs)}`);
  print(`${"recovery point, maximum".padEnd(40)}${seconds(maxMs)}   (bar ${bar})`);
  const whole = `all ${recoveries.length} checkpoints verified, no torn file`;
  print(`${"resumed".padEnd(40)}${`${recoveries.length}`.padStart(7)}   (${whole})`);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`.padStart(9);
}

// By itself it takes what the whole bench does not have to wait for: `node test/bench/recovery.ts`.
if (import.meta.main) {
  await measureRecovery({ print: (line) => void process.stdout.write(`${line}\n`) });
}
