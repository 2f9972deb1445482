import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const SOURCE = join(import.meta.dirname, "parhelia-terminal");
const SILENCE_MS = 1_000;
const DEADLINE_MS = 10_000;

/** `script`, of util-linux, starts a command on a terminal of its own. */
const noTerminal = spawnSync("script", ["--version"]).status !== 0;
if (noTerminal) process.stderr.write("skipped: parhelia-terminal: there is no `script` program\n");

describe.skipIf(noTerminal)("parhelia-terminal", () => {
  let directory: string;
  let program: string;
  let started: ChildProcess[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "parhelia-terminal-"));
    program = join(directory, "parhelia-terminal");
    started = [];
    const text = readFileSync(SOURCE, "utf8")
      .replace("pipes=/run/parhelia/terminal\n", `pipes=${directory}/pipes\n`)
      .replace("silence_s=120\n", `silence_s=${SILENCE_MS / 1_000}\n`);
    writeFileSync(program, text, { mode: 0o755 });
  });
  afterEach(() => {
    for (const child of started) child.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  });

  /** Starts a command on a terminal of 20×60. @returns what it has printed so far */
  function start(type: string, shell: string): { output: () => string } {
    const words = [program, "id-1", "20", "60", type, "sh", "-c", `'${shell}'`];
    const child = spawn("script", ["-qfec", words.join(" "), "/dev/null"]);
    started.push(child);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    return { output: () => output.replaceAll("\r", "") };
  }

  function control(): ChildProcess {
    const child = spawn(program, ["--control", "id-1"], { stdio: ["pipe", "ignore", "inherit"] });
    started.push(child);
    return child;
  }

  async function until(condition: () => boolean): Promise<void> {
    const deadlineMs = Date.now() + DEADLINE_MS;
    while (!condition() && Date.now() < deadlineMs) await sleep(20);
    expect(condition()).toBe(true);
  }

  const pipes = () => readdirSync(join(directory, "pipes"));

  test("gives the terminal its size, and a type that is known here", async () => {
    const known = start("vt100", "stty size; echo $TERM; echo done");
    await until(() => known.output().includes("done"));
    expect(known.output()).toBe("20 60\nvt100\ndone\n");
    await until(() => pipes().length === 0);
    const unknown = start("no-such-terminal", "echo $TERM");
    await until(() => unknown.output() === "xterm-256color\n");
  });

  test("follows the sizes that come through its control; the command is told of each", async () => {
    const { output } = start(
      "xterm",
      'trap "stty size" WINCH; echo up; while :; do sleep 0.05; done',
    );
    await until(() => output().includes("up"));
    const { stdin } = control();
    stdin?.write("20 60\n");
    stdin?.write("33 111\n");
    await until(() => output().includes("33 111"));
    stdin?.write("44 122\n");
    await until(() => output().includes("44 122"));
    expect(output()).not.toContain("20 60");
  });

  test("hangs the command up when its control ends, and leaves nothing behind", async () => {
    const { output } = start(
      "xterm",
      'trap "echo hung-up; exit" HUP; echo up; while :; do sleep 0.05; done',
    );
    await until(() => output().includes("up"));
    const child = control();
    child.stdin?.end("20 61\n");
    await until(() => output().includes("hung-up"));
    await until(() => pipes().length === 0 && child.exitCode === 0);
  });

  test("hangs the command up when its control is silent, or never comes", async () => {
    const hangUp = 'trap "echo hung-up; exit" HUP; echo up; while :; do sleep 0.05; done';
    const alone = start("xterm", hangUp);
    await until(() => alone.output().includes("hung-up"));

    const { output } = start("xterm", hangUp);
    await until(() => output().includes("up"));
    const { stdin } = control();
    for (let sign = 0; sign < 6; sign += 1) {
      stdin?.write("20 60\n");
      await sleep(SILENCE_MS / 3);
    }
    expect(output()).not.toContain("hung-up");
    await until(() => output().includes("hung-up"));
  });

  test("a control without its terminal ends by itself", async () => {
    const child = control();
    await until(() => child.exitCode !== null);
    expect(child.exitCode).toBe(1);
    expect(existsSync(join(directory, "pipes"))).toBe(false);
  });
});
