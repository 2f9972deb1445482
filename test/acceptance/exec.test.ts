import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { sha256 } from "../support/leaks.ts";
import { useSession, useSharedHome } from "../support/shared-home.ts";

const MIB = 1024 ** 2;

const home = useSharedHome();
const session = useSession(home, "exec");

describe("parhelia exec: streams", () => {
  test("100 MB pass through standard input and output unchanged", async () => {
    const input = randomBytes(100 * MIB);
    const { stdoutBytes, exitStatus, durationMs, stderr } = await session.exec(["cat"], {
      stdin: input,
    });
    process.stderr.write(`exec: 100 MiB there and back in ${Math.round(durationMs)} ms\n`);
    expect(exitStatus, stderr).toBe(0);
    expect(stdoutBytes.length).toBe(input.length);
    expect(sha256(stdoutBytes)).toBe(sha256(input));
  });

  test("every byte there is, and none where there is none", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const { stdoutBytes } = await session.exec(["cat"], { stdin: bytes });
    expect(stdoutBytes).toEqual(bytes);
    expect((await session.exec(["cat"])).stdoutBytes).toHaveLength(0);
  });

  test("standard error stays apart", async () => {
    const run = await session.exec(["sh", "-c", "echo to stdout; echo to stderr >&2"]);
    expect(run.stdout).toBe("to stdout\n");
    expect(run.stderr.endsWith("to stderr\n")).toBe(true);
    expect(run.stderr).not.toContain("to stdout");
  });

  test("a command that does not read its input to the end ends all the same", async () => {
    const { stdout, exitStatus } = await session.exec(["head", "-c", "3"], {
      stdin: Buffer.alloc(20 * MIB, "x"),
    });
    expect({ stdout, exitStatus }).toEqual({ stdout: "xxx", exitStatus: 0 });
  });

  test("output is there as it is printed, not at the end", async () => {
    const run = home.start(session.execArguments(["sh", "-c", "echo now; sleep 3; echo later"]));
    await run.printed(/now/);
    const nowMs = performance.now();
    const { stdout } = await run.result;
    expect(stdout).toBe("now\nlater\n");
    expect(performance.now() - nowMs).toBeGreaterThan(2_000);
  });
});

describe("parhelia exec: exit status", () => {
  test.each([
    ["exit 0", 0],
    ["exit 42", 42],
    ["exit 255", 255],
    ["kill -KILL $$", 137],
    ["kill -TERM $$", 143],
    ["kill -SEGV $$", 139],
  ])("%s", async (script, expected) => {
    expect((await session.exec(["sh", "-c", script])).exitStatus).toBe(expected);
  });

  test("127 for a command that is not there, 126 for one that cannot be run, with a reason", async () => {
    const missing = await session.exec(["no-such-command"]);
    expect(missing.exitStatus).toBe(127);
    expect(missing.stderr).toContain("no-such-command");
    expect((await session.exec(["/etc/passwd"])).exitStatus).toBe(126);
  });
});

describe("parhelia exec: what the command runs in", () => {
  test("arguments arrive word by word, as they are", async () => {
    const words = [
      "two words",
      "",
      "-n",
      "--json",
      "$HOME",
      "*",
      "'\"\\",
      "ünïcödé",
      "line\nbreak",
    ];
    const { stdoutBytes } = await session.exec(["printf", "%s\\0", ...words]);
    expect(stdoutBytes.toString("utf8")).toBe(words.map((word) => `${word}\0`).join(""));
  });

  test("the session's workspace, as user parhelia, unless asked otherwise", async () => {
    expect(await session.output(["pwd"])).toBe(`/vol/parhelia/workspaces/${session.name}`);
    const elsewhere = ["exec", session.name, "--cwd", "/usr/share", "--", "pwd"];
    expect(await home.succeed(elsewhere)).toBe("/usr/share\n");
    const nowhere = await home.run(["exec", session.name, "--cwd", "/nowhere", "--", "pwd"]);
    expect(nowhere.exitStatus).toBe(1);
    expect(nowhere.stderr).toContain("no such directory in the sandbox: /nowhere");
    expect(await session.asRoot(["sh", "-c", "id -un; echo $HOME"])).toBe("root\n/root");
  });

  test("variables: given, taken from our own environment, and the session's", async () => {
    const flags = ["--env", "GIVEN=a b=c", "--env", "TAKEN"];
    const names = ["GIVEN", "TAKEN", "PARHELIA_SESSION", "HOME", "CLAUDE_CONFIG_DIR"];
    const stdout = await home.succeed(
      ["exec", session.name, ...flags, "--", "printenv", ...names],
      {
        env: { TAKEN: "from outside" },
      },
    );
    expect(stdout.trimEnd().split("\n")).toEqual([
      "a b=c",
      "from outside",
      session.name,
      "/home/parhelia",
      "/var/lib/parhelia/claude",
    ]);
  });

  test("a terminal with --tty", async () => {
    const stdout = await home.succeed(["exec", session.name, "--tty", "--", "stty", "size"]);
    expect(stdout.trim()).toBe("24 80");
    expect((await session.exec(["test", "-t", "1"])).exitStatus).toBe(1);
  });
});

describe("parhelia exec: Ctrl-C", () => {
  test("reaches the command and all that it started; nothing of it stays", async () => {
    const pipeline = "echo up >&2; sleep 4242 | sleep 4242";
    const run = home.start(session.execArguments(["sh", "-c", pipeline]));
    await run.printed(/up/);
    run.signal("SIGINT");
    expect((await run.result).exitStatus).toBe(130);
    await eventually("the command's processes end", 5_000, async () => {
      const { exitStatus } = await session.exec(["pgrep", "-f", "sleep [4]242"]);
      return exitStatus === 1 ? true : undefined;
    });
  });

  test("is the command's to answer, with its own output and status", async () => {
    const script = 'trap "echo caught; exit 7" INT; echo up; while :; do sleep 0.1; done';
    const run = home.start(session.execArguments(["bash", "-c", script]));
    await run.printed(/up/);
    run.signal("SIGINT");
    const { stdout, exitStatus } = await run.result;
    expect(stdout).toBe("up\ncaught\n");
    expect(exitStatus).toBe(7);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s is passed on, too", async (signal, expected) => {
    const run = home.start(session.execArguments(["sh", "-c", "echo up; exec sleep 4343"]));
    await run.printed(/up/);
    run.signal(signal);
    expect((await run.result).exitStatus).toBe(expected);
    expect((await session.exec(["pgrep", "-f", "sleep [4]343"])).exitStatus).toBe(1);
  });
});
