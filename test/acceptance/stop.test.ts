import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  continueConversation,
  EditingClaude,
  roundsIn,
  tornFiles,
} from "../support/editing-claude.ts";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import { connectSdk } from "../support/sdk.ts";
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

/** On its own: one that had started another would wait for that. */
const countingForEver = (file: string) => `python3 -c '
import itertools, time
for i in itertools.count():
    open("${file}", "w").write(f"{i}\\n")
    time.sleep(0.02)'`;

describe("Shutdown sequence, D9: parhelia stop", () => {
  test("during a running turn keeps that conversation", async () => {
    // No checkpoint of the timer may have what the last one would: then the last one is the timer's.
    const session = new Session(home, "stopped", checkpointsEvery(home, 0));
    await session.up();
    const claude = await EditingClaude.start(home, session);
    // Also what is in the middle of a write stands still, before the last checkpoint is taken.
    await session.output(["sh", "-c", `(${WRITING_FOR_EVER}) >/dev/null 2>&1 &`]);
    await session.output(["tmux", "new-window", "-d", "-n", "second"]);
    const edits = claude.rounds;
    const stopped = await session.command("stop");
    expect(stopped, stopped.stderr).toMatchObject({ exitStatus: 0 });
    await claude.ended();
    const [last] = await session.checkpoints();
    expect(last).toMatchObject({ reason: "shutdown", status: "kept", conversations: 1 });
    expect(stopped.stderr).toContain(`goes on from checkpoint ${last?.id}`);

    await session.resume();
    expect(await session.output(["tmux", "list-windows", "-F", "#W"])).toContain("second");
    expect(await tornFiles(session)).toBe("");
    expect(roundsIn(await continueConversation(home, session))).toBeGreaterThanOrEqual(edits);
    await session.stop();
  });

  test("stands still, windows and all, until it is ended, and goes on where it is not", async () => {
    const session = new Session(home, "still");
    await session.up();
    const ofShell = ["send-keys", "-t", "shell", countingForEver("of-shell"), "Enter"];
    await session.output(["tmux", "new-window", "-d", countingForEver("of-tmux")]);
    await session.output(["tmux", "new-window", "-d", "-n", "shell", ";", ...ofShell]);
    const counts = () => session.asRoot(["tail", "-n", "1", "of-tmux", "of-shell"]);
    const numbers = async (): Promise<readonly string[]> => (await counts()).match(/\d+/g) ?? [];
    const goesOn = async () => {
      const before = await numbers();
      await eventually("both count", 20_000, async () => {
        const now = await numbers();
        return now.length === 2 && now.every((count) => !before.includes(count)) ? true : undefined;
      });
    };
    await goesOn();

    const modal = await connectSdk(home);
    const sandbox = await modal.sandboxes.fromName("parhelia", session.name);
    const ending = await sandbox.exec(["parhelia-container", "end-session"]);
    const said = await ending.stdout.getReader().read();
    expect(JSON.parse(said.value ?? "")).toMatchObject({ ok: true });
    const before = await counts();
    await delay(500);
    expect(await counts()).toBe(before);
    await ending.stdin.close(); // without the order to end
    await goesOn();
    modal.close();
    await session.stop();
  });

  test("ends nothing that could not be saved, unless it is forced to", async () => {
    const session = new Session(home, "unsaved");
    await session.up();
    // A file where the session's checkpoints would be.
    const directory = `/vol/parhelia/checkpoints/${session.name}`;
    await session.asRoot(["sh", "-c", `rm -rf ${directory}; touch ${directory}`]);
    const refused = await session.command("stop");
    expect(refused.exitStatus).toBe(1);
    expect(refused.stderr).toContain(`no checkpoint of ${session.name} could be taken`);
    expect(refused.stderr).toContain(`parhelia stop ${session.name} --force`);
    // It goes on as it was: nothing of it stands still.
    expect(await session.output(["timeout", "20", "tmux", "list-sessions"])).toContain("main");
    const keys = ["send-keys", "-t", "main", "tmux wait-for -S alive", "Enter"];
    await session.output(["tmux", ...keys]);
    await session.output(["timeout", "20", "tmux", "wait-for", "alive"]);

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
