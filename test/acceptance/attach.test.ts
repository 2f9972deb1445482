import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../repository/tree.ts";
import { eventually } from "../support/eventually.ts";
import { runProgram } from "../support/run-program.ts";
import { Session, useSession, useSharedHome } from "../support/shared-home.ts";
import { TerminalWindow, whyNoTerminalWindow } from "../support/terminal-window.ts";

const PROGRAM = join(ROOT, "packages/parhelia/bin/parhelia");

/** The prompt of the shell in a sandbox. */
const INNER_PROMPT = "parhelia@";

/** Shaped as a key, so that Claude Code takes it for one. */
const DUMMY_KEY = `sk-ant-${"dummy-".repeat(12)}key`;

/** Nothing answers there: Claude Code need not wait for a network that is not there. */
const NO_API = "http://127.0.0.1:9";

const noWindow = await whyNoTerminalWindow();
if (noWindow !== undefined) {
  process.stderr.write(`skipped: the tests of parhelia attach: ${noWindow}\n`);
}

const home = useSharedHome();
const windows: TerminalWindow[] = [];

async function openWindow(columns = 200, rows = 50): Promise<TerminalWindow> {
  const window = await TerminalWindow.open({ columns, rows, cwd: home.project, env: home.env });
  windows.push(window);
  return window;
}

/** A window in which a command runs whose exit status is shown after it. */
async function run(
  args: string,
  { columns = 200, rows = 50, env = "" } = {},
): Promise<TerminalWindow> {
  const window = await openWindow(columns, rows);
  await window.enter(`${env} ${PROGRAM} ${args}; echo status $?`);
  return window;
}

async function attach(session: Session, columns = 200, rows = 50): Promise<TerminalWindow> {
  const window = await run(`attach ${session.name}`, { columns, rows });
  await window.shows("[main]");
  await window.enter("clear");
  await window.shows(new RegExp(`^${INNER_PROMPT}`));
  return window;
}

async function detach(window: TerminalWindow): Promise<void> {
  await window.press("C-b", "d");
  await window.shows(/^status 0$/m);
}

/** What `stty -a` says, with the terminal's size. */
async function terminalSettings(window: TerminalWindow): Promise<string> {
  await window.enter("clear; stty -a; echo all-$((1+1))");
  return window.shows("all-2");
}

/** The sizes in which the session is shown, such as `200x50`. */
async function clientSizes(session: Session): Promise<string[]> {
  const clients = await session.output([
    "tmux",
    "list-clients",
    "-F",
    "#{client_width}x#{client_height}",
  ]);
  return clients === "" ? [] : clients.split("\n").sort();
}

afterEach(async () => {
  for (const window of windows.splice(0)) await window.close();
});

describe.skipIf(noWindow !== undefined)("parhelia attach", () => {
  const session = useSession(home, "attach");

  test("SPEC-01.AC7: shows the tmux session in the terminal's size, and follows it", async () => {
    const window = await attach(session);
    await window.enter("stty size; tput cols; tput lines; tmux display -p '#S #{client_height}'");
    await window.shows(/^49 200\n200\n49\nmain 50$/m); // tmux's status line takes a row
    await window.resize(90, 30);
    await eventually("the size is followed", 5_000, async () =>
      (await clientSizes(session)).join() === "90x30" ? true : undefined,
    );
    await window.enter("clear; stty size");
    const screen = await window.shows(/^29 90$/m);
    expect(screen.split("\n").at(-1)).toMatch(/^\[main\] 0:/);
    await detach(window);
  });

  test("comes back to what was left there, and leaves the terminal as it was", async () => {
    const window = await openWindow();
    const before = await terminalSettings(window);
    await window.enter(`clear; ${PROGRAM} attach ${session.name}`);
    await window.shows("[main]");
    await window.enter("sleep 1000 & echo left-$((40+2))");
    await window.shows("left-42");
    expect(await window.flag("alternate_on")).toBe(true);
    await window.press("C-b", "d");
    const after = await window.shows(`detached: session ${session.name} runs on`);
    expect(after).not.toContain("left-42");
    expect(await window.flag("alternate_on")).toBe(false);
    expect(await window.flag("mouse_any_flag")).toBe(false);
    expect(await window.flag("cursor_flag")).toBe(true);
    expect(await terminalSettings(window)).toBe(before);

    const again = await run(`attach ${session.name}`);
    await again.shows("left-42");
    await again.enter("clear; jobs");
    await again.shows(/Running +sleep 1000/);
    await again.enter("kill %1; wait");
    await detach(again);
  });

  test("colours, the mouse and pastes of several lines pass as they are", async () => {
    const window = await attach(session);
    await window.enter(
      "clear; printf '\\e[38;2;10;200;30mtrue\\e[0m\\n'; tput colors; echo $COLORTERM",
    );
    await window.shows(/^true\n256\ntruecolor$/m);
    expect(await window.coloredScreen()).toContain("\u001B[38;2;10;200;30mtrue");

    await window.enter("clear; stty raw -echo; printf '\\e[?2004h\\e[?1000h\\e[?1006h'; cat -v");
    // Which brackets the program wants reaches the terminal some time later.
    const bracketed = /\^\[\[200~one\^M *two\^M *three\^\[\[201~/;
    await eventually("a paste arrives in brackets", 10_000, async () => {
      await window.paste("one\ntwo\nthree");
      return bracketed.test(await window.screen()) ? true : undefined;
    });
    await window.type("\u001B[<0;11;6M");
    await window.shows("^[[<0;11;6M");
    await window.press("C-b", "&");
    await window.press("y");
    await window.shows(/^status 0$/m);
    expect(await window.screen()).toContain("the last window was closed");
  });

  test("opens a new window where the last was closed; Ctrl-C goes to what runs there", async () => {
    const window = await attach(session);
    await window.enter("pwd; sleep 1000; echo interrupted-$?");
    await window.shows(`/vol/parhelia/workspaces/${session.name}`);
    await window.press("C-c");
    await window.shows(/\^C$/m);
    await window.enter("echo status-$?");
    await window.shows("status-130");
    await detach(window);
  });

  test("shows the session in several terminals at once, each in its own size", async () => {
    const wide = await attach(session, 200, 50);
    const small = await attach(session, 90, 30);
    expect(await clientSizes(session)).toEqual(["200x50", "90x30"]);
    await small.enter("echo seen-by-$((1+1))");
    await wide.shows("seen-by-2");

    await small.press("C-b", "c");
    await small.shows("1:bash*");
    await small.enter("clear; stty size");
    await small.shows(/^29 90$/m);
    await wide.enter("clear; stty size");
    await wide.shows(/^49 200$/m);
    await detach(small);
    expect(await clientSizes(session)).toEqual(["200x50"]);
    expect(await session.output(["tmux", "list-sessions", "-F", "#S"])).toBe("main");
    await detach(wide);
    await session.output(["tmux", "kill-window", "-t", "main:1"]);
  });

  test("a signal ends it, and the terminal is as before", async () => {
    const window = await attach(session);
    const [pid] = await processIds(`attach ${session.name}`);
    process.kill(pid ?? 0, "SIGTERM");
    await window.shows(/^status 143$/m);
    expect(await window.flag("alternate_on")).toBe(false);
    expect(await terminalSettings(window)).toMatch(/ icanon .* echo /);
    await eventually("nobody looks at the session", 5_000, async () =>
      (await clientSizes(session)).length === 0 ? true : undefined,
    );
  });

  test("closing the terminal's window is no more than detaching", async () => {
    const window = await attach(session);
    await window.enter("shell=$$; echo set-$((1+1))");
    await window.shows("set-2");
    await window.close();
    await eventually("nobody looks at the session", 5_000, async () =>
      (await clientSizes(session)).length === 0 ? true : undefined,
    );
    const again = await attach(session);
    await again.enter("clear; [ $shell = $$ ] && echo same-$((1+1))");
    await again.shows("same-2");
    await detach(again);
  });

  test("keys that arrive together are keys: a prefix of tmux is one", async () => {
    const window = await attach(session);
    await window.type("echo typed-$((1+1))\r\u0002d");
    await window.shows(/^status 0$/m);
    const again = await run(`attach ${session.name}`);
    await again.shows("typed-2");
    await detach(again);
  });

  test("says what is wrong where there is no terminal, and no session", async () => {
    const piped = await home.run(["attach", session.name]);
    expect(piped).toMatchObject({ exitStatus: 2, stdout: "" });
    expect(piped.stderr).toContain("error: attach needs a terminal");
    expect(piped.stderr).toContain(`hint: without one, run a command: parhelia exec`);

    const window = await run("attach nobody");
    const screen = await window.shows(/^status 2$/m);
    expect(screen).toContain("error: no session named nobody is running");
  });

  test("the end of the sandbox ends it", async () => {
    const short = new Session(home, "attach-short");
    await short.up();
    const window = await attach(short);
    await short.stop();
    const screen = await window.shows(/^status 1$/m);
    expect(screen).toContain(`error: session ${short.name} has ended`);
    expect(await window.flag("alternate_on")).toBe(false);
    expect(await window.flag("mouse_any_flag")).toBe(false);
  });
});

describe.skipIf(noWindow !== undefined)("Claude Code in an attached session", () => {
  const session = new Session(home, "attach-claude");

  beforeAll(async () => {
    await session.up(
      "--env",
      `ANTHROPIC_API_KEY=${DUMMY_KEY}`,
      "--env",
      `ANTHROPIC_BASE_URL=${NO_API}`,
    );
    // To a person who prefers a mode, Claude Code offers another one.
    const settings = '{"permissions":{"defaultMode":"acceptEdits"}}';
    const write = `echo '${settings}' > "$CLAUDE_CONFIG_DIR/settings.json"`;
    await session.output(["sh", "-c", write]);
    return () => session.stop();
  });

  test("shows its prompt at 200×50 and at 90×30, and asks nothing before it", async () => {
    const window = await attach(session);
    await window.enter("claude");
    // All of it: the screen may be looked at while it is being drawn.
    const wide = await window.shows(/^─{200}\n❯.*\n─{200}$/m, 60_000);
    expect(wide).not.toMatch(/trust|API key|Select login|Choose the text style|Yes, /);
    expect(await window.coloredScreen()).toContain("\u001B[38;2;");

    await window.resize(90, 30);
    await window.shows(/^─{90}$/m);
    await window.type("what is in this folder?");
    await window.shows(/^❯\s+what is in this folder\?$/m);
    await window.press("C-c");
    await window.paste("first line\nsecond line");
    const pasted = await window.shows("second line");
    expect(pasted).toMatch(/^❯\s+first line\n\s+second line$/m);
    await detach(window);
  });
});

describe.skipIf(noWindow !== undefined)("parhelia exec --tty in a terminal", () => {
  const session = useSession(home, "attach-exec");

  test("has the terminal's size, follows it, and ends with the command's status", async () => {
    const script = "stty size; read -rsn1; stty size; exit 7";
    const window = await run(`exec --tty ${session.name} -- bash -c '${script}'`);
    await window.shows(/^50 200$/m);
    await window.resize(90, 30);
    await eventually("the size is followed", 5_000, async () => {
      const sizes = await session.output([
        "sh",
        "-c",
        "for t in /dev/pts/*; do stty size -F $t; done",
      ]);
      return sizes.includes("30 90") ? true : undefined;
    });
    await window.press("x");
    await window.shows(/^30 90$/m);
    await window.shows(/^status 7$/m);
  });

  test("is the user's own terminal, by name too; one that is not known becomes xterm", async () => {
    const script = 'echo "$TERM" >"$(tty)"; tput colors';
    const window = await run(`exec --tty ${session.name} -- bash -c '${script}'`, {
      env: "TERM=xterm-kitty",
    });
    await window.shows(/^xterm-256color\n256$/m);
  });

  test("keys and output are not touched: Ctrl-C, Ctrl-V, Ctrl-S, Ctrl-Z, line feeds", async () => {
    const script =
      "stty raw -echo; echo -n rea''dy; head -c 4 | cat -v; echo -n down; echo; echo -n ri''ght";
    const window = await run(`exec --tty ${session.name} -- bash -c "${script}"`);
    await window.shows("ready");
    await window.press("C-c", "C-v", "C-s", "C-z");
    const screen = await window.shows("right");
    const [, first = "", second = ""] = /^(.*)down\n(.*)right/m.exec(screen) ?? [];
    expect(first).toMatch(/ready\^C\^V\^S\^Z$/);
    expect(second).toBe(" ".repeat(`${first}down`.length));
  });
});

/** The processes of this machine whose command line holds a text, oldest first, other than shells. */
async function processIds(text: string): Promise<number[]> {
  const { stdout } = await runProgram("ps", ["-eo", "pid=,args="], {
    env: process.env,
    timeoutMs: 5_000,
  });
  return stdout
    .split("\n")
    .filter((line) => line.includes(text) && line.includes("dist/cli/main.js"))
    .map((line) => Number.parseInt(line, 10));
}
