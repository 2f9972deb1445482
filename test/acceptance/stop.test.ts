import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  continueConversation,
  EditingClaude,
  roundsIn,
  tornFiles,
} from "../support/editing-claude.ts";
import { randomSecret } from "../support/leaks.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";
import { checkpointsEvery } from "../support/sudden-end.ts";

const home = useSharedHome();

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: randomSecret(),
  });
});
afterAll(() => home.succeed(["secret", "rm", "anthropic-api-key"]));

/** Mostly in a write or a flush. */
const WRITING_FOR_EVER =
  "while :; do dd if=/dev/urandom of=growing bs=4M count=1 oflag=append conv=notrunc,fsync; truncate -s 0 growing; done";

const COUNTING_FOR_EVER = "while :; do echo $((i += 1)) > count; sleep 0.02; done";

describe("Shutdown sequence, D9: parhelia stop", () => {
  test("during a running turn keeps that conversation", async () => {
    // No checkpoint of the timer may have what the last one would: then the last one is the timer's.
    const session = new Session(home, "stopped", checkpointsEvery(home, 0));
    await session.up();
    const claude = await EditingClaude.start(home, session);
    // Also what is in the middle of a write stands still, before the last checkpoint is taken.
    await session.output(["sh", "-c", `(${WRITING_FOR_EVER}) >/dev/null 2>&1 &`]);
    // And what tmux itself started, which it would wake.
    await session.output(["tmux", "new-window", "-d", "-n", "counting", COUNTING_FOR_EVER]);
    const edits = claude.rounds;
    const stopped = await session.command("stop");
    expect(stopped, stopped.stderr).toMatchObject({ exitStatus: 0 });
    await claude.ended();
    const [last] = await session.checkpoints();
    expect(last).toMatchObject({ reason: "shutdown", status: "kept", conversations: 1 });
    expect(stopped.stderr).toContain(`goes on from checkpoint ${last?.id}`);

    await session.resume();
    // Nothing was written after the checkpoint: a tree that differs would have been moved aside.
    const trees = await session.output(["ls", "/vol/parhelia/workspaces"]);
    expect(trees.split("\n")).toContain(session.name);
    expect(trees).not.toContain(`${session.name}.before-`);
    expect(await session.output(["tmux", "list-windows", "-F", "#W"])).toContain("counting");
    expect(await tornFiles(session)).toBe("");
    expect(roundsIn(await continueConversation(home, session))).toBeGreaterThanOrEqual(edits);
    await session.stop();
  });

  test("ends nothing that could not be saved, unless it is forced to", async () => {
    const session = new Session(home, "unsaved");
    await session.up();
    // A file where the session's checkpoints would be.
    const directory = `/vol/parhelia/checkpoints/${session.name}`;
    await session.asRoot(["sh", "-c", `rm -rf ${directory}; touch ${directory}`]);
    const alive = "sh -c 'while sleep 0.1; do touch alive; done'";
    const inForeground = ["send-keys", "-t", "work", alive, "Enter"];
    await session.output(["tmux", "new-window", "-d", "-n", "work", ";", ...inForeground]);
    await session.output(["sh", "-c", "until test -e alive; do sleep 0.1; done"]);
    const refused = await session.command("stop");
    expect(refused.exitStatus).toBe(1);
    expect(refused.stderr).toContain(`no checkpoint of ${session.name} could be taken`);
    expect(refused.stderr).toContain(`parhelia stop ${session.name} --force`);
    // It goes on as it was: nothing of it stands still.
    expect(await session.output(["timeout", "20", "tmux", "list-sessions"])).toContain("main");
    const keys = ["send-keys", "-t", "main", "tmux wait-for -S alive", "Enter"];
    await session.output(["tmux", ...keys]);
    await session.output(["timeout", "20", "tmux", "wait-for", "alive"]);
    const again = "rm alive; until test -e alive; do sleep 0.1; done";
    await session.output(["timeout", "20", "sh", "-c", again]);

    const forced = await session.command("stop", "--force");
    expect(forced.exitStatus).toBe(0);
    expect(forced.stderr).toContain("has ended without a checkpoint");
    await home.succeed(["up", session.name]);
    await session.asRoot(["rm", directory]);
    await session.stop();
  });

  test("of a session that does not run says so", async () => {
    const { exitStatus, stderr } = await home.run(["stop", "nobody"]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain("no session named nobody is running");
  });
});
