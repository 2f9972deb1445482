import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { everythingOf, filesOf, git, makeRepository, put } from "../support/dirty-repository.ts";
import { eventually } from "../support/eventually.ts";
import { Projects } from "../support/projects.ts";
import { Session, useSharedHome, type StartedSession } from "../support/shared-home.ts";

const home = useSharedHome();
const projects = new Projects(home);
const project = projects.at("large");
const QUESTION = ["status", "--porcelain=v2", "--untracked-files=all"];

/** Parts of the time that it takes to bring the project. */
const MOMENTS = [0.1, 0.3, 0.5, 0.7, 0.85];

describe("issue C: a project that is cut off on its way", () => {
  let before: string[];
  let answer = "";
  let startMs = 0;
  let bringMs = 0;

  beforeAll(async () => {
    const files = Array.from({ length: 2000 }, (_, i) => [`src/${i % 40}/${i}`, `${i}\n`] as const);
    makeRepository(project, Object.fromEntries(files));
    put(project, Object.fromEntries(files.slice(0, 300).map(([name]) => [name, "changed\n"])));
    for (let i = 0; i < 20; i++) put(project, { [`new/${i}.bin`]: randomBytes(400_000) });
    answer = git(project, ...QUESTION).trim();
    before = everythingOf(project);
    // The second one finds on the volume what the first has sent, as those that are cut off do.
    await (await projects.up("first", project)).session.stop();
    const { session, stdout } = await projects.up("second", project, "--json");
    await session.stop();
    for (const { name, durationMs } of (JSON.parse(stdout) as StartedSession).phases) {
      if (name === "bring the project") bringMs = durationMs;
      else if (!name.startsWith("init ")) startMs += durationMs;
    }
  });

  async function isRunning({ name }: Session): Promise<boolean> {
    const running = (await home.json(["ls"])) as { name: string }[];
    return running.some((session) => session.name === name);
  }

  test.each([
    ["SIGINT", 130],
    ["SIGKILL", 137],
  ] as const)(
    "with %s at any moment: the same command brings all of it",
    async (signal, status) => {
      const session = new Session(home, `cut-${signal.toLowerCase()}`);
      for (const moment of MOMENTS) {
        const start = projects.start(project, ["up", session.name]);
        await sleep(startMs + bringMs * (moment + Math.random() * 0.1));
        start.signal(signal);
        const { exitStatus, stderr } = await start.result;
        if (exitStatus === 0 || stderr.includes("working tree of before")) break; // it was done already
        expect(exitStatus, stderr).toBe(status);
        await eventually("nothing is left running", 60_000, async () => {
          if (signal === "SIGKILL") await home.run(["stop", session.name]);
          return (await isRunning(session)) ? undefined : true;
        });
      }
      await home.run(["stop", session.name]);
      const last = await projects.run(project, ["up", session.name]);
      if (last.exitStatus === 0) {
        expect(await projects.filesIn(session)).toEqual(filesOf(project));
        expect(await session.output(["git", ...QUESTION])).toBe(answer);
        expect(await session.output(["git", "fsck", "--no-dangling"])).toBe("");
        await session.stop();
      } else {
        expect(last.stderr).toContain(`session ${session.name} has a working tree of before`);
      }
      const { stdout } = await projects.run(project, ["pull", session.name]);
      expect(stdout).toBe("no new commits\nwhat is not committed is here already\n");
      expect(everythingOf(project)).toEqual(before);
    },
  );
});
