import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listCheckpoints } from "./history.ts";
import { checkpointPlaces } from "./places.ts";
import { restoreCheckpoint } from "./restore.ts";

const WRITER = join(import.meta.dirname, "../../../../test/support/write-checkpoint.ts");

/** How often the writer is killed, and what chooses the instants: PARHELIA_KILLS, PARHELIA_SEED. */
const KILLS = Number(process.env["PARHELIA_KILLS"] ?? 20);
const SEED = Number(process.env["PARHELIA_SEED"] ?? 1);

/** Every few kills the writer may end by itself: so there is something to lose. */
const UNHARMED_EVERY = 5;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parhelia-killed-"));
  for (const directory of ["volume", "tree", "claude/projects/p"]) {
    mkdirSync(join(root, directory), { recursive: true });
  }
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Lehmer's generator: numbers from 0 to 1, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** @returns how long it ran, whether it was killed, and what it printed */
async function runWriter(killAfterMs: number) {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [WRITER, root], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (data: Buffer) => void (output += data.toString()));
  const timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  clearTimeout(timer);
  const durationMs = performance.now() - startedAt;
  return { durationMs, output, code, isKilled: signal !== null };
}

test(
  `SPEC-01.12: a writer killed at ${KILLS} random instants leaves whole checkpoints (seed ${SEED})`,
  async () => {
    const random = randomNumbers(SEED);
    const places = checkpointPlaces(join(root, "volume"), "killed");
    const change = (round: number) => {
      // Mostly a little, sometimes so much that the archive is written anew.
      const parts = round % 3 === 0 ? 40 : 2;
      for (let part = 0; part < parts; part++) {
        writeFileSync(join(root, `tree/part-${part}`), randomBytes(200_000));
      }
      writeFileSync(join(root, "tree/round"), String(round));
      appendFileSync(join(root, "claude/projects/p/s.jsonl"), `{"round":${round}}\n`);
    };
    change(0);
    const first = await runWriter(60_000);
    expect(first.code).toBe(0);
    let lastCommitted = first.output;
    let killed = 0;
    for (let round = 1; killed < KILLS; round++) {
      change(round);
      const limitMs = round % UNHARMED_EVERY === 0 ? 60_000 : random() * first.durationMs;
      const outcome = await runWriter(limitMs);
      if (outcome.isKilled) killed += 1;
      else lastCommitted = outcome.output;

      const { checkpoints } = listCheckpoints(places);
      expect(checkpoints.filter(({ status }) => status === "damaged")).toEqual([]);
      expect(checkpoints.map(({ id }) => id)).toContain(lastCommitted);
      const latest = checkpoints.find(({ isLatest }) => isLatest);
      expect(latest?.id.localeCompare(lastCommitted), "nothing was lost").toBeGreaterThanOrEqual(0);
    }
    // What the last one left does not hinder the next, and that one brings all of it back.
    expect((await runWriter(60_000)).code).toBe(0);
    restoreCheckpoint({
      volume: join(root, "volume"),
      from: "killed/latest",
      workspace: join(root, "restored"),
      claudeDirectory: join(root, "claude"),
    });
    for (const name of ["round", "part-0", "part-39"]) {
      const [was, is] = [join(root, "tree", name), join(root, "restored", name)];
      expect(readFileSync(is).equals(readFileSync(was)), name).toBe(true);
    }
  },
  10 * 60_000,
);
