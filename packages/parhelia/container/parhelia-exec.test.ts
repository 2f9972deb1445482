import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sweepExecRecords } from "./init/supervise.ts";

const source = join(dirname(fileURLToPath(import.meta.url)), "parhelia-exec");
const isRoot = process.getuid?.() === 0;

let root: string;
let program: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parhelia-exec-"));
  mkdirSync(join(root, "exec"));
  program = join(root, "parhelia-exec");
  const script = readFileSync(source, "utf8").replace(
    "run_dir=/run/parhelia\n",
    `run_dir=${root}\n`,
  );
  writeFileSync(program, script, { mode: 0o755 });
  writeFileSync(
    join(root, "session.env"),
    `export HOME='/home/parhelia'\ntest "\${GREETING+given}" || export GREETING='it'\\''s $x'\nexport CLAUDE_CONFIG_DIR=/own PARHELIA_WORKSPACE=${root}\n`,
  );
});
afterEach(() => rmSync(root, { recursive: true }));

const exec = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  spawnSync(program, args, { encoding: "utf8", env: { PATH: process.env["PATH"] ?? "", ...env } });

describe("as root", () => {
  test("the command gets the session's environment, but root's own home and no Claude configuration", () => {
    const print = 'echo "$GREETING|$HOME|$USER|${CLAUDE_CONFIG_DIR-none}|$(pwd)"';
    expect(exec(["--root", "--", "sh", "-c", print]).stdout).toBe(
      `it's $x|/root|root|none|${root}\n`,
    );
    expect(exec(["--root", "--cwd", "/", "--", "sh", "-c", print], { GREETING: "hi" }).stdout).toBe(
      "hi|/root|root|none|/\n",
    );
  });

  test.each([
    ["its own", ["sh", "-c", "exit 42"], 42],
    ["126 for what is no program", ["/"], 126],
    ["127 for what is not there", ["no-such-command"], 127],
  ])("the status is %s", (_, command, status) => {
    expect(exec(["--root", "--", ...command]).status).toBe(status);
  });

  test("a command killed by a signal ends by that signal", () => {
    expect(exec(["--root", "--", "sh", "-c", "kill -KILL $$"]).signal).toBe("SIGKILL");
  });

  test("arguments and standard input arrive as they are", () => {
    const words = ["a b", "", "$HOME", "'\"", "--", "ü"];
    expect(exec(["--root", "--", "printf", "%s\\n", ...words]).stdout).toBe(
      `${words.join("\n")}\n`,
    );
    const bytes = Buffer.from([0, 255, 10, 13, 128]);
    expect(spawnSync(program, ["--root", "--", "cat"], { input: bytes }).stdout).toEqual(bytes);
  });
});

test("as the sandbox's user: without privileges and groups", ({ skip }) => {
  if (!isRoot) skip("only root can become another user");
  const status = exec(["--cwd", "/", "--", "cat", "/proc/self/status"]).stdout;
  expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m);
  expect(status).toMatch(/^Groups:\s*$/m);
  expect(status).toMatch(/^CapEff:\t0+$/m);
  expect(status).toMatch(/^CapInh:\t0+$/m);
});

describe("--id", () => {
  /** A command that writes "up", and its end. */
  async function start(id: string, options: { detached: boolean }) {
    const child = spawn(
      program,
      ["--root", "--id", id, "--", "sh", "-c", "echo up; exec sleep 30"],
      {
        ...options,
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    await once(child.stdout, "data");
    return { child, ended: once(child, "exit") };
  }

  test.each([true, false])(
    "records the process group, for signals (own group already: %s)",
    async (detached) => {
      const { child, ended } = await start("exec-1", { detached });
      expect(readFileSync(join(root, "exec/exec-1.pid"), "utf8")).toMatch(
        new RegExp(`^${child.pid ?? 0} \\d+\\n$`),
      );
      expect(exec(["--signal", detached ? "INT" : "SIGINT", "exec-1"])).toMatchObject({
        status: 0,
        stderr: "",
      });
      const [code, signal] = (await ended) as [number | null, string | null];
      expect(code ?? signal).toBe("SIGINT");
    },
  );

  test("a record is swept when its command has ended, and not before", async () => {
    const { ended } = await start("exec-2", { detached: true });
    sweepExecRecords(join(root, "exec"));
    expect(existsSync(join(root, "exec/exec-2.pid"))).toBe(true);
    exec(["--signal", "KILL", "exec-2"]);
    await ended;
    expect(exec(["--signal", "INT", "exec-2"])).toMatchObject({
      status: 1,
      stderr: "parhelia-exec: exec 'exec-2' has ended\n",
    });
    sweepExecRecords(join(root, "exec"));
    expect(existsSync(join(root, "exec/exec-2.pid"))).toBe(false);
  });

  test("a record that is just being written stays", () => {
    writeFileSync(join(root, "exec/exec-4.pid"), "");
    sweepExecRecords(join(root, "exec"));
    expect(existsSync(join(root, "exec/exec-4.pid"))).toBe(true);
  });

  test("a process that only has the number of an ended command is left alone", async () => {
    const bystander = spawn("sleep", ["30"], { detached: true, stdio: "ignore" });
    writeFileSync(join(root, "exec/exec-3.pid"), `${bystander.pid ?? 0} 1\n`);
    expect(exec(["--signal", "KILL", "exec-3"]).status).toBe(1);
    await sleep(50);
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    bystander.kill("SIGKILL");
  });
});

describe("mistakes", () => {
  test.each([
    [["--root", "--"], 2, "no command"],
    [["--bogus", "--", "true"], 2, "unknown option '--bogus'"],
    [["--id", "../x", "--", "true"], 2, "not an exec id: '../x'"],
    [["--signal", "INT"], 2, "usage: parhelia-exec --signal NAME ID"],
    [["--signal", "INT", "nobody"], 1, "no exec 'nobody'"],
    [
      ["--root", "--cwd", "/no/such", "--", "true"],
      1,
      "no such directory in the sandbox: /no/such",
    ],
  ])("%j ends with %i and says why", (args, status, message) => {
    const outcome = exec(args);
    expect(outcome.status).toBe(status);
    expect(outcome.stderr).toContain(`parhelia-exec: ${message}`);
  });

  test("before init has written the session's environment", () => {
    rmSync(join(root, "session.env"));
    const outcome = exec(["--root", "--", "true"]);
    expect(outcome.status).toBe(1);
    expect(outcome.stderr).toContain("the sandbox is not ready");
  });
});
