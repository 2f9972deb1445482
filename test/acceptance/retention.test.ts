import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type {
  PruneResult,
  VolumeUsage,
} from "../../packages/parhelia/container/protocol/retention.ts";
import { makeUpCheckpoint } from "../support/made-up-checkpoints.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const HOUR_MS = 3_600_000;

const home = useSharedHome();
const volume = `retention-${process.pid}`;
const settings = mkdtempSync(join(tmpdir(), "parhelia-retention-"));
const flags = ["--config", join(settings, "parhelia.toml")];
const running = new Session(home, "retention", flags);
const ids: string[] = [];

beforeAll(async () => {
  writeFileSync(
    join(settings, "parhelia.toml"),
    `[image]\npip = []\n[volume]\nname = "${volume}"\n` +
      `[retention]\nkeep_last = 1\nkeep_hourly = 0\nkeep_daily = 0\n`,
  );
  const content = mkdtempSync(join(tmpdir(), "parhelia-volume-"));
  const first = makeUpCheckpoint(content, "ended", 3 * HOUR_MS);
  ids.push(first, makeUpCheckpoint(content, "ended", 2 * HOUR_MS, { shared: first }));
  ids.push(makeUpCheckpoint(content, running.name, 3 * HOUR_MS));
  ids.push(makeUpCheckpoint(content, running.name, 2 * HOUR_MS));
  const archive = execFileSync("tar", [
    "cf",
    "-",
    "--owner=1000",
    "--group=1000",
    "-C",
    content,
    ".",
  ]);
  rmSync(content, { recursive: true });
  await running.up();
  await running.asRoot(["tar", "xf", "-", "-C", "/vol/parhelia", "--no-overwrite-dir"], {
    stdin: archive,
  });
  await running.asRoot(["sync", "/vol/parhelia"]);
});
afterAll(async () => {
  await running.stop();
  rmSync(settings, { recursive: true });
});

const history = (session: string) => `checkpoints/${session}/history`;
const json = (...args: string[]) => home.json([...flags, ...args]);

/** How many checkpoints the volume has of each session, as a sandbox sees it that mounts it now. */
async function onTheVolume(): Promise<Record<string, number>> {
  const { sessions } = (await json("volume", "usage")) as VolumeUsage;
  return Object.fromEntries(sessions.map(({ name, checkpoints }) => [name, checkpoints]));
}

describe("open question 1: growth and retention of the volume", () => {
  test("volume usage names sessions and kinds", async () => {
    const usage = (await json("volume", "usage")) as VolumeUsage;
    const ended = usage.sessions.find(({ name }) => name === "ended");
    expect(ended).toMatchObject({ checkpoints: 2, removed: false });
    // The workspace of 500 bytes, which both have, counts once.
    expect(ended?.checkpointBytes).toBeGreaterThan(500);
    expect(ended?.checkpointBytes).toBeLessThan(1_400);
    expect(ended?.growthBytesPerDay).toBe(ended?.checkpointBytes);
    expect(usage.kinds.config).toBeGreaterThan(0);
    const shown = await home.succeed([...flags, "volume", "usage"]);
    expect(shown).toMatch(/^checkpoints +\d/m);
    expect(shown).toMatch(/^ended +2 /m);
  });

  test("a dry run says what would go, and nothing does", async () => {
    const result = (await json("volume", "prune", "--dry-run")) as PruneResult;
    expect(result.removed).toMatchObject([
      { path: `${history("ended")}/${ids[0]}`, reason: "thinned", session: "ended" },
    ]);
    expect(await onTheVolume()).toMatchObject({ ended: 2 });
  });

  test("prune removes it, and nothing of the session that runs", async () => {
    const { stdout, stderr } = await home.run([...flags, "volume", "prune"]);
    expect(stdout).toContain(`${history("ended")}/${ids[0]}  thinned`);
    expect(stderr).toMatch(/removed 1 thing, \d+ B; checkpoints hold /);
    expect(await onTheVolume()).toMatchObject({ ended: 1 });
    const kept = await running.asRoot(["ls", `/vol/parhelia/${history(running.name)}`]);
    expect(kept.split("\n")).toEqual(expect.arrayContaining(ids.slice(2, 4)));
    expect((await onTheVolume())[running.name]).toBeGreaterThanOrEqual(2);
  });

  test("the batch task does the same; a removed session goes wholly", async () => {
    await running.asRoot(["touch", "/vol/parhelia/checkpoints/ended/removed"]);
    await running.asRoot(["sync", "/vol/parhelia"]);
    const result = (await json("batch", "prune")) as PruneResult;
    expect(result).toMatchObject({
      ok: true,
      removed: [{ path: "checkpoints/ended", reason: "session removed" }],
    });
    expect(await onTheVolume()).not.toHaveProperty("ended");
  });
});
