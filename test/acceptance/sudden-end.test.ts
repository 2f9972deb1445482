import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  continueConversation,
  EditingClaude,
  killContainer,
  roundsIn,
  sandboxEnd,
  tornFiles,
} from "../support/editing-claude.ts";
import { randomSecret } from "../support/leaks.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";
import { checkpointsEvery, END_WITHIN_MS, KilledSession } from "../support/sudden-end.ts";

/** How often the container is killed, and what chooses the moments: options of a longer run. */
const KILLS = Number(process.env["PARHELIA_KILLS"] ?? 2);
const SEED = Number(process.env["PARHELIA_SEED"] ?? 1);

const INTERVAL_MS = 2_000;
/** What a checkpoint and its commit may take on a machine that is busy. */
const PATIENCE_MS = 8_000;

const home = useSharedHome();

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: randomSecret(),
  });
});
afterAll(() => home.succeed(["secret", "rm", "anthropic-api-key"]));

describe("Shutdown sequence, D9: the container of a session at work is killed with SIGKILL", () => {
  const session = new KilledSession(home, { intervalMs: INTERVAL_MS, seed: SEED });
  beforeAll(() => session.up());
  afterAll(() => session.stop());

  test.each(Array.from({ length: KILLS }, (_, index) => index + 1))(
    `%d of ${KILLS} (seed ${SEED}): all but the last interval is there again, and no file is torn`,
    async () => {
      const { edits, kept, lostMs, torn, damaged } = await session.killAndResume();
      process.stderr.write(`kept ${kept} of ${edits} edits; lost ${lostMs} ms of work\n`);
      expect(torn).toEqual([]);
      expect(damaged).toEqual([]);
      expect(kept).toBeGreaterThan(0);
      expect(lostMs).toBeLessThan(INTERVAL_MS + PATIENCE_MS);
    },
  );
});

describe("Shutdown sequence, D9: the container of a session at work gets SIGTERM", () => {
  test("and nothing is lost", async () => {
    // No other checkpoint may do what the signal has to.
    const session = new Session(home, "terminated", checkpointsEvery(home, 0));
    const { sandboxId } = await session.up();
    const claude = await EditingClaude.start(home, session);
    await sleep(1_000);
    const edits = claude.rounds;
    await killContainer(home, sandboxId, "SIGTERM");
    await claude.ended();
    await sandboxEnd(home, sandboxId, END_WITHIN_MS);

    const [last] = await session.checkpoints();
    expect(last?.reason).toBe("signal");
    await session.resume();
    try {
      expect(await tornFiles(session)).toBe("");
      expect(roundsIn(await continueConversation(home, session))).toBeGreaterThanOrEqual(edits);
    } finally {
      await session.stop();
    }
  });
});
