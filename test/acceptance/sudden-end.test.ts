import { writeFileSync } from "node:fs";
import { join } from "node:path";
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
import { seededRandom } from "../support/seeded-random.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

/** How often the container is killed, and what chooses the moments: options of a longer run. */
const KILLS = Number(process.env["PARHELIA_KILLS"] ?? 2);
const SEED = Number(process.env["PARHELIA_SEED"] ?? 1);

const INTERVAL_MS = 2_000;
/** What a checkpoint and its commit may take on a machine that is busy. */
const PATIENCE_MS = 8_000;
/** Moments are chosen from this time after Claude's first edits. */
const MOMENTS_MS = { from: 2_500, to: 9_000 };
const END_WITHIN_MS = 60_000;

const home = useSharedHome();
const configuration = join(home.directory, "sudden-end.toml");
writeFileSync(
  configuration,
  `[image]\npip = []\n[checkpoint]\ninterval = "${INTERVAL_MS / 1_000}s"\n`,
);
const flags = ["--config", configuration];

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: randomSecret(),
  });
});
afterAll(() => home.succeed(["secret", "rm", "anthropic-api-key"]));

describe("Shutdown sequence, D9: the container of a session at work is killed with SIGKILL", () => {
  const session = new Session(home, "killed", flags);
  const random = seededRandom(SEED);
  let sandboxId = "";
  beforeAll(async () => {
    sandboxId = (await session.up()).sandboxId;
  });
  afterAll(() => session.stop());

  test.each(Array.from({ length: KILLS }, (_, index) => index + 1))(
    `%d of ${KILLS} (seed ${SEED}): all but the last interval is there again, and no file is torn`,
    async () => {
      const claude = await EditingClaude.start(home, session);
      await sleep(MOMENTS_MS.from + random() * (MOMENTS_MS.to - MOMENTS_MS.from));
      const edits = claude.rounds;
      const killedAtMs = Date.now();
      await killContainer(home, sandboxId, "SIGKILL");
      await claude.ended();
      await sandboxEnd(home, sandboxId, END_WITHIN_MS);

      sandboxId = (await session.resume()).sandboxId;
      expect(await tornFiles(session)).toBe("");
      const kept = roundsIn(await continueConversation(home, session));
      expect(kept).toBeGreaterThan(0);
      const lostMs = kept >= edits ? 0 : killedAtMs - claude.reportedAtMs(kept + 1);
      process.stderr.write(`kept ${kept} of ${edits} edits; lost ${lostMs} ms of work\n`);
      expect(lostMs).toBeLessThan(INTERVAL_MS + PATIENCE_MS);
    },
  );
});

describe("Shutdown sequence, D9: the container of a session at work gets SIGTERM", () => {
  test("and nothing is lost", async () => {
    const session = new Session(home, "terminated", flags);
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
