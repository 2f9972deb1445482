import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { everythingOf, filesOf, git, makeRepository, put } from "../support/dirty-repository.ts";
import { eventually } from "../support/eventually.ts";
import { Projects } from "../support/projects.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { Session, StartedSession } from "../support/session.ts";
import { useSharedHome } from "../support/shared-home.ts";

/** How often a start is killed, and what chooses the moments: options of a longer run. */
const KILLS = Number(process.env["PARHELIA_KILLS"] ?? 2);
const SEED = Number(process.env["PARHELIA_SEED"] ?? 1);

const SIGNALS = [
  ["SIGKILL", 137],
  ["SIGINT", 130],
] as const;

const home = useSharedHome();
const projects = new Projects(home);
/** What a killed start leaves there goes with the projects. */
const temporary = { TMPDIR: projects.at("tmp") };
beforeAll(() => mkdirSync(temporary.TMPDIR));

async function isRunning({ name }: Session): Promise<boolean> {
  const running = (await home.json(["ls"])) as { name: string }[];
  return running.some((session) => session.name === name);
}

describe("issue C: a project that is cut off on its way", () => {
  const project = projects.at("small");
  const stalled = projects.at("stalled");

  /** A Git that does not come to an end with packing, until whoever waits for it is gone. */
  function pathWithStallingGit(): string {
    const wait = `touch ${stalled}; while kill -0 $PPID; do sleep 0.1; done 2> /dev/null`;
    const real = git(projects.directory, "--exec-path").trim();
    const script = `#!/bin/sh\ncase " $* " in *" pack-objects "*) ${wait};; *) exec ${real}/git "$@";; esac\n`;
    put(projects.directory, { "bin/git": script });
    chmodSync(projects.at("bin/git"), 0o755);
    return `${projects.at("bin")}:${process.env["PATH"] ?? ""}`;
  }

  test("has no checkpoint, hides no earlier one, and comes again", async () => {
    makeRepository(project, { file: "one\n" });
    const { session } = await projects.up("cut", project);
    await session.output(["sh", "-c", "echo work > work"]);
    await session.stop();
    const before = await session.checkpoints();

    put(project, { file: "two\n" });
    const anew = ["up", session.name, "--new"];
    const start = projects.start(project, anew, { ...temporary, PATH: pathWithStallingGit() });
    await eventually("the project is on its way", 60_000, () => existsSync(stalled) || undefined);
    await session.output(["sh", "-c", "echo part > part"]);
    const early = await session.command("checkpoint");
    expect([early.exitStatus, early.stderr]).toEqual([2, expect.stringContaining("not all of")]);
    start.signal("SIGKILL");
    await start.result;
    const stopped = await session.command("stop");
    expect(stopped.exitStatus, stopped.stderr).toBe(0);
    expect(stopped.stderr).toContain("without a checkpoint: not all of its project had come");
    expect(await session.checkpoints()).toEqual(before);

    const again = await projects.run(project, anew);
    expect(again.exitStatus, again.stderr).toBe(0);
    expect(await projects.filesIn(session)).toEqual(filesOf(project));
    const aside = `cat "$PWD".before-incomplete/part "$PWD".before-2*/work`;
    expect(await session.output(["sh", "-c", aside])).toBe("part\nwork");
    await session.stop();
    expect((await session.checkpoints()).length).toBeGreaterThan(before.length);
  });
});

describe("issue C: parhelia up that is killed while it brings a project", () => {
  const project = projects.at("large");
  const question = ["status", "--porcelain=v2", "--untracked-files=all"];
  const random = seededRandom(SEED);
  let before: string[];
  let answer = "";
  let startMs = 0;
  let bringMs = 0;

  beforeAll(async () => {
    const files = Array.from({ length: 2000 }, (_, i) => [`src/${i % 40}/${i}`, `${i}\n`] as const);
    makeRepository(project, Object.fromEntries(files));
    put(project, Object.fromEntries(files.slice(0, 300).map(([name]) => [name, "changed\n"])));
    for (let i = 0; i < 20; i++) put(project, { [`new/${i}.bin`]: randomBytes(400_000) });
    answer = git(project, ...question).trim();
    before = everythingOf(project);
    const { session, stdout } = await projects.up("whole", project, "--json");
    await session.stop();
    for (const { name, durationMs } of (JSON.parse(stdout) as StartedSession).phases) {
      if (name === "bring the project") bringMs = durationMs;
      else if (!name.startsWith("init ")) startMs += durationMs;
    }
  });

  test.each(Array.from({ length: KILLS }, (_, index) => index + 1))(
    `%d of ${KILLS} (seed ${SEED}): goes on with all of it or none`,
    async (kill) => {
      const [signal, status] = SIGNALS[kill % 2] ?? SIGNALS[0];
      const session = projects.session(`kill-${kill}`);
      const start = projects.start(project, ["up", session.name], temporary);
      await sleep(startMs + bringMs * random());
      start.signal(signal);
      const { exitStatus, stderr } = await start.result;
      expect([0, status], stderr).toContain(exitStatus);
      if (signal === "SIGKILL" || exitStatus === 0) await home.run(["stop", session.name]);
      await eventually("nothing is left running", 60_000, async () =>
        (await isRunning(session)) ? undefined : true,
      );

      const again = await projects.run(project, ["up", session.name]);
      process.stderr.write(`${signal}: the next up ended with ${again.exitStatus}\n`);
      // It had all come: there is a checkpoint of it.
      if (again.exitStatus === 2) await session.resume();
      else expect(again.exitStatus, again.stderr).toBe(0);
      expect(await projects.filesIn(session)).toEqual(filesOf(project));
      expect(await session.output(["git", ...question])).toBe(answer);
      expect(await session.output(["git", "fsck", "--no-dangling"])).toBe("");
      await session.stop();
      expect(everythingOf(project)).toEqual(before);
    },
  );
});
