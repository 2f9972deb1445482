import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { continueConversation } from "../support/editing-claude.ts";
import { eventually } from "../support/eventually.ts";
import { randomSecret } from "../support/leaks.ts";
import { callTool, say, startScriptedMessagesApi } from "../support/scripted-messages-api.ts";
import type { ListedCheckpoint } from "../support/session.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();

/** A volume of this file's own, to be damaged. */
const configuration = join(home.directory, "resume.toml");
writeFileSync(configuration, `[image]\npip = []\n[volume]\nname = "resume-${process.pid}"\n`);
const flags = ["--config", configuration];

const session = new Session(home, "resumed", flags);
const fork = new Session(home, "forked", flags);
/** Looks into the volume while the session does not run. */
const other = new Session(home, "resume-other", flags);

beforeAll(async () => {
  await home.succeed(["secret", "set", "anthropic-api-key", "ANTHROPIC_API_KEY"], {
    stdin: randomSecret(),
  });
  await Promise.all([other.up(), session.up("--timeout", "2h", ...NO_API)]);
});
afterAll(async () => {
  await Promise.all([session, fork, other].map((one) => one.command("rm")));
  await home.succeed(["secret", "rm", "anthropic-api-key"]);
});

/** Nobody listens there: what a window's Claude Code shows and writes down without an answer is enough. */
const NO_API = ["--env", "ANTHROPIC_BASE_URL=http://127.0.0.1:9"];

/** Waits until Claude Code in a window waits for its user, and shows what was said before. */
async function claudeShows(window: string, ...texts: readonly string[]): Promise<void> {
  let screen = "";
  await eventually(`Claude Code in ${window} shows ${texts.join(", ")}`, 60_000, async () => {
    screen = (await session.exec(["tmux", "capture-pane", "-p", "-t", `main:${window}`])).stdout;
    const isThere = texts.every((text) => screen.includes(text));
    return isThere && /^❯\s*$/m.test(screen) ? true : undefined;
  }).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}:\n${screen}`, { cause: error });
  });
}

async function type(window: string, line: string): Promise<void> {
  await session.output(["tmux", "send-keys", "-t", `main:${window}`, "-l", line]);
  await session.output(["tmux", "send-keys", "-t", `main:${window}`, "Enter"]);
}

/** The conversations of the session in which a text was said, by their files. */
function conversationsWith(text: string): Promise<string> {
  const script = `cd "$CLAUDE_CONFIG_DIR/projects" && grep -l '${text}' ./*/*.jsonl || true`;
  return session.output(["sh", "-c", script]);
}

/** One turn of Claude in the session, which writes a file. */
async function writeWithClaude(prompt: string, file: string): Promise<void> {
  const path = `/vol/parhelia/workspaces/${session.name}/${file}`;
  const turns = [callTool("Write", { file_path: path, content: `${prompt}\n` }), say("Written.")];
  const api = await startScriptedMessagesApi({ turns });
  const args = ["run", session.name, prompt, "--", "--allowedTools", "Write"];
  try {
    await home.succeed([...flags, ...args], { env: { ANTHROPIC_BASE_URL: api.url } });
  } finally {
    await api.close();
  }
}

describe("parhelia checkpoint and parhelia resume", () => {
  let early = "";

  test("a checkpoint is taken now, and nothing new is written where nothing changed", async () => {
    await writeWithClaude("the first request", "first.txt");
    const first = await session.command("checkpoint", "--json");
    expect(first, first.stderr).toMatchObject({ exitStatus: 0 });
    early = (JSON.parse(first.stdout) as { id: string }).id;
    expect((await session.checkpoints()).map(({ id }) => id)).toContain(early);
    await sleep(1_100);
  });

  test("a session that was stopped goes on: tree, windows, and the same conversation", async () => {
    await session.output(["sh", "-c", "mkdir deep && echo second > deep/second.txt"]);
    const conversation = await conversationsWith("the first request");
    await session.output(["tmux", "new-window", "-n", "first"]);
    await type("first", `claude --resume ${basename(conversation, ".jsonl")}`);
    await session.output(["tmux", "new-window"]);
    await type("2", "claude 'another matter'");
    await session.output(["tmux", "new-window", "-n", "logs", "-c", "/var/log"]);
    await claudeShows("first", "the first request", "Written.");
    await claudeShows("2", "another matter");
    await session.stop();
    const { checkpoint, sandboxId } = await session.resume(...NO_API);
    expect(checkpoint).toBe(`${session.name}/${(await session.checkpoints())[0]?.id}`);
    expect(await session.output(["cat", "first.txt", "deep/second.txt"])).toBe(
      "the first request\nsecond",
    );
    const windows = ["list-windows", "-t", "main", "-F", "#{window_name} #{pane_current_path}"];
    expect(await session.output(["tmux", ...windows])).toContain("logs /var/log");
    // Each window goes on with its own conversation, whatever is the newest.
    await claudeShows("2", "another matter");
    await claudeShows("first", "the first request", "Written.");
    await type("first", "said in the window");
    await eventually("Claude Code writes it down", 20_000, async () =>
      (await conversationsWith("said in the window")) === conversation ? true : undefined,
    );

    const request = await continueConversation(home, session);
    const said = JSON.stringify(request.body?.messages);
    for (const text of ["the first request", "Written.", "go on"]) expect(said).toContain(text);
    const running = (await home.json(["ls"])) as {
      sandboxId: string;
      createdAt: string;
      expiresAt: string;
    }[];
    const mine = running.find((one) => one.sandboxId === sandboxId);
    const lifeMs = Date.parse(mine?.expiresAt ?? "") - Date.parse(mine?.createdAt ?? "");
    // As its first sandbox had it; the host counts from just before the sandbox is made.
    expect(lifeMs).toBeLessThanOrEqual(2 * 60 * 60_000);
    expect(lifeMs).toBeGreaterThan(2 * 60 * 60_000 - 60_000);
  });

  test("a second session is made of one that runs, and goes its own way", async () => {
    await home.succeed([...flags, "fork", session.name, fork.name]);
    expect(await fork.output(["cat", "first.txt"])).toBe("the first request");
    expect(await fork.output(["pwd"])).toBe(`/vol/parhelia/workspaces/${fork.name}`);
    await fork.output(["sh", "-c", "echo changed > first.txt"]);
    expect(await session.output(["cat", "first.txt"])).toBe("the first request");
    const request = await continueConversation(home, fork);
    expect(JSON.stringify(request.body?.messages)).toContain("the first request");
  });

  test("a session that runs is not resumed", async () => {
    const { exitStatus, stderr } = await session.command("resume");
    expect(exitStatus).toBe(2);
    expect(stderr).toContain(`session ${session.name} is running already`);
    expect(stderr).toContain(`parhelia attach ${session.name}`);
  });

  test("up does not begin anew over a checkpoint, unless it is told to", async () => {
    await session.stop();
    const { exitStatus, stderr } = await session.command("up");
    expect(exitStatus, stderr).toBe(2);
    expect(stderr).toContain(`${session.name} has a checkpoint of `);
    expect(stderr).toContain(`parhelia resume ${session.name}`);
    await session.up("--new");
    await session.stop();
  });

  test("--at goes on from an earlier one", async () => {
    await session.resume("--at", early);
    expect(await session.output(["cat", "first.txt"])).toBe("the first request");
    const { exitStatus } = await session.exec(["test", "-e", "deep/second.txt"]);
    expect(exitStatus).toBe(1);
    await session.stop();
    const tooEarly = await session.command("resume", "--at", "2020-01-01T00:00Z");
    expect(tooEarly.exitStatus).toBe(2);
    expect(tooEarly.stderr).toContain("no checkpoint of 2020-01-01T00:00:00.000Z or before");
    const nonsense = await session.command("resume", "--at", "yesterday");
    expect(nonsense.exitStatus).toBe(2);
    expect(nonsense.stderr).toContain('"yesterday" is no time');
  });
});

describe("parhelia resume says what is wrong", () => {
  const history = `/vol/parhelia/checkpoints/${session.name}/history`;

  test("with no checkpoint", async () => {
    const { exitStatus, stderr } = await home.run([...flags, "resume", "nobody"]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain("nobody has no checkpoint");
    expect(stderr).toContain("parhelia up nobody");
  });

  test("with no volume", async () => {
    const file = join(home.directory, "gone.toml");
    writeFileSync(file, `[image]\npip = []\n[volume]\nname = "gone-${process.pid}"\n`);
    const { exitStatus, stderr } = await home.run(["--config", file, "resume", "work"]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain(`there is no volume named gone-${process.pid}`);
  });

  test("with a checkpoint of another Claude Code: that goes on, with a warning", async () => {
    const [last] = await session.checkpoints();
    const state = `${history}/${last?.id}/state.json`;
    await other.reload();
    await other.asRoot(["sed", "-i", 's/"claudeCode":"[^"]*"/"claudeCode":"2.0.0"/', state]);
    await other.commit();
    const { exitStatus, stderr } = await session.command("resume");
    expect(exitStatus, stderr).toBe(0);
    expect(stderr).toMatch(/the checkpoint is of Claude Code 2\.0\.0, and the image has 2\.1\.\d+/);
    await session.output(["sh", "-c", "echo more > more.txt"]);
    await session.stop();
  });

  test("with a damaged checkpoint: which one it is, and the newest good one before it", async () => {
    const [last, earlier] = await session.checkpoints();
    const file = `${history}/${last?.id}/conversation.json`;
    await other.reload();
    await other.asRoot(["sh", "-c", `printf x | dd of=${file} bs=1 seek=5 conv=notrunc`]);
    await other.commit();
    const [damaged, ...whole] = await session.checkpoints();
    expect(damaged).toMatchObject({ id: last?.id, status: "damaged", verified: false });
    expect(damaged?.damage).toBe("conversation.json has another content than was written");
    expect(whole.every(({ status, verified }) => status === "kept" && verified)).toBe(true);
    const torn = await session.command("resume");
    expect(torn.exitStatus, torn.stderr).toBe(1);
    expect(torn.stderr).toContain(`${last?.id}`);
    expect(torn.stderr).toContain("damaged");
    expect(torn.stderr).toContain(`parhelia resume ${session.name} --at ${earlier?.id}`);

    await other.asRoot(["rm", `${history}/${last?.id}/state.json`]);
    await other.commit();
    expect((await session.checkpoints())[0]).toMatchObject({ id: last?.id, status: "damaged" });
    const unreadable = await session.command("resume");
    expect(unreadable.exitStatus, unreadable.stderr).toBe(1);
    expect(unreadable.stderr).toContain(`--at ${earlier?.id}`);
    await session.resume("--at", earlier?.id ?? "");
  });

  test("with a large checkpoint: what is damaged in it is found when it is read", async () => {
    await session.output(["sh", "-c", "head -c 70M /dev/urandom > large"]);
    const { stdout: id } = await session.command("checkpoint");
    const archive = `${history}/${id.trim()}/workspace.tar.gz`;
    await session.asRoot(["sh", "-c", `printf x | dd of=${archive} bs=1 seek=9M conv=notrunc`]);
    await session.commit();
    expect((await session.command("checkpoint ls")).stdout).toContain("--verify reads it");
    const [last, ...others] = JSON.parse(
      (await session.command("checkpoint ls", "--verify", "--json")).stdout,
    ) as readonly ListedCheckpoint[];
    expect(last).toMatchObject({ id: id.trim(), status: "damaged", verified: false });
    expect(others).toContainEqual(expect.objectContaining({ status: "kept", verified: true }));
  });

  test("after rm: it is gone, until it is pruned for who insists", async () => {
    await home.succeed([...flags, "rm", session.name]);
    const { exitStatus, stderr } = await session.command("resume");
    expect(exitStatus).toBe(2);
    expect(stderr).toContain(`${session.name} was removed`);
    expect((await session.checkpoints()).map(({ status }) => status)).toContain("removed");

    await home.succeed([...flags, "stop", fork.name]);
    await home.succeed([...flags, "rm", fork.name]);
    expect((await fork.command("resume")).stderr).toContain(`${fork.name} was removed`);
  });
});
