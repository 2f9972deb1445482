import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  continueConversation,
  EditingClaude,
  roundsIn,
  sandboxEnd,
  tornFiles,
} from "../support/editing-claude.ts";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const TIMEOUT_S = 60;
const home = useSharedHome();

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: randomSecret(),
  });
});
afterAll(() => home.succeed(["secret", "rm", "anthropic-api-key"]));

describe(`D9: the deadline of a sandbox with a timeout of ${TIMEOUT_S} s`, () => {
  const session = new Session(home, "deadline");
  afterAll(() => session.stop());

  test("is announced in the terminals, and nothing is lost by it", async () => {
    const startedAtMs = Date.now();
    const { sandboxId } = await session.up("--timeout", `${TIMEOUT_S}s`);
    const claude = await EditingClaude.start(home, session);
    const status = await eventually("the deadline is announced", TIMEOUT_S * 1_000, async () => {
      const { stdout } = await session.exec(["tmux", "show-options", "-gv", "status-right"]);
      return stdout.includes("parhelia resume") ? stdout : undefined;
    });
    expect(status).toMatch(/this sandbox ends at [\d:]+ UTC; parhelia resume deadline-\d+ goes on/);
    await claude.ended();
    expect(Date.now() - startedAtMs).toBeGreaterThan(TIMEOUT_S * 800);
    await sandboxEnd(home, sandboxId, 20_000);

    const reasons = (await session.checkpoints()).map(({ reason }) => reason);
    expect(reasons[0]).toBe("deadline");
    await session.resume("--timeout", "10m");
    expect(await tornFiles(session)).toBe("");
    const kept = roundsIn(await continueConversation(home, session));
    process.stderr.write(`kept ${kept} of ${claude.rounds} edits\n`);
    expect(kept).toBeGreaterThanOrEqual(claude.rounds);
  });
});
