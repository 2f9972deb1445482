import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runProgram, startProgram } from "../../../../test/support/run-program.ts";
import type { ProgramResult } from "../../../../test/support/run-program.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const TIMEOUT_MS = 30_000;

let home = "";

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "parhelia-main-"));
});

afterAll(() => {
  rmSync(home, { recursive: true });
});

function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, NODE_EXTRA_CA_CERTS, DOCKER_HOST } = process.env;
  return { PATH, NODE_EXTRA_CA_CERTS, DOCKER_HOST, HOME: home, ...extra };
}

/** The real program, as a process of its own, in an empty home. */
function parhelia(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProgramResult> {
  const options = { cwd: home, env: environment(env), timeoutMs: TIMEOUT_MS };
  return runProgram(process.execPath, [MAIN, ...args], options);
}

describe("the program", () => {
  test("prints its version and its help on standard output", async () => {
    const version = await parhelia(["--version"]);
    const manifest = new URL("../../package.json", import.meta.url);
    const wanted = (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
    expect(version).toMatchObject({ stdout: `${wanted}\n`, stderr: "", exitStatus: 0 });
    const bare = await parhelia([]);
    expect(bare.exitStatus).toBe(0);
    expect(bare.stdout).toContain("exec <name> -- <command...>");
    expect((await parhelia(["--help"])).stdout).toBe(bare.stdout);
    expect((await parhelia(["exec", "--help"])).stdout).toContain(
      "Examples:\n  parhelia exec work -- claude --version",
    );
  });

  test.each([
    [["upp"], "error: unknown command 'upp'\nhint: did you mean up?\n"],
    [["up", "--timng"], "error: unknown option '--timng'\nhint: did you mean --timing?\n"],
    [["config", "sow"], "error: unknown command 'sow'\nhint: did you mean show?\n"],
  ])("%j ends with 2 and the nearest known word", async (args, stderr) => {
    expect(await parhelia(args)).toMatchObject({ stdout: "", stderr, exitStatus: 2 });
  });

  test("a group alone shows its help on standard error and ends with 2", async () => {
    const result = await parhelia(["secret"]);
    expect(result).toMatchObject({ stdout: "", exitStatus: 2 });
    expect(result.stderr).toContain("Usage: parhelia secret <command>");
  });

  test("ends quietly when nobody reads its output", async () => {
    const child = spawn(process.execPath, [MAIN, "config", "show"], {
      cwd: home,
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const status = await new Promise((resolve) => child.once("close", resolve));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

test("output that cannot be written is an error", async () => {
  const result = await runProgram(
    "sh",
    ["-c", `"$0" "$1" config show > /dev/full`, process.execPath, MAIN],
    {
      cwd: home,
      env: environment(),
      timeoutMs: TIMEOUT_MS,
    },
  );
  expect(result.exitStatus).toBe(1);
  expect(result.stderr).toMatch(/^error: .*ENOSPC.*\nhint: .*\n$/);
});

describe("interruption", () => {
  const module = JSON.stringify(new URL("interrupt.ts", import.meta.url).href);
  const program = (body: string): readonly string[] => [
    ...["--input-type=module", "--eval"],
    `const { Interrupt } = await import(${module}); const interrupt = new Interrupt(); ${body}`,
  ];
  const options = { env: environment(), timeoutMs: TIMEOUT_MS };

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s aborts the command's work, and the status is %i", async (name, status) => {
    const running = startProgram(
      process.execPath,
      program(`
        interrupt.signal.addEventListener("abort", () => {
          console.log("cleaned up");
          process.exit(interrupt.exitStatus);
        });
        setTimeout(() => {}, ${TIMEOUT_MS});
        console.log("working");`),
      options,
    );
    await running.printed(/working/);
    running.signal(name);
    expect(await running.result).toMatchObject({
      stdout: "working\ncleaned up\n",
      exitStatus: status,
    });
  });

  test("a second signal does not wait for the clean-up", async () => {
    const running = startProgram(
      process.execPath,
      program(`
        interrupt.signal.addEventListener("abort", () => console.log("cleaning"));
        setTimeout(() => {}, ${TIMEOUT_MS});
        console.log("working");`),
      options,
    );
    await running.printed(/working/);
    running.signal("SIGINT");
    await running.printed(/cleaning/);
    running.signal("SIGINT");
    expect((await running.result).exitStatus).toBe(130);
  });

  test("a command that never looks at the signal is ended by it", async () => {
    const running = startProgram(
      process.execPath,
      program(`setTimeout(() => {}, ${TIMEOUT_MS}); console.log("working");`),
      options,
    );
    await running.printed(/working/);
    running.signal("SIGINT");
    expect((await running.result).exitStatus).toBe(130);
  });
});

describe("init and config show", () => {
  test("init writes a file that loads, and never overwrites one", async () => {
    const path = join(home, "parhelia.toml");
    expect((await parhelia(["init"])).exitStatus).toBe(0);
    const written = readFileSync(path, "utf8");
    expect(written).toContain('# timeout = "24h"');
    const shown = await parhelia(["config", "show"]);
    expect(shown).toMatchObject({ exitStatus: 0, stderr: "" });
    expect(shown.stdout).toMatch(/^sandbox\.memory_mib +16384 +default$/m);

    const again = await parhelia(["init"]);
    expect(again.exitStatus).toBe(2);
    expect(again.stderr).toContain(`error: ${path} is there already`);
    expect(readFileSync(path, "utf8")).toBe(written);
  });

  test("config show names the source of each value, and hides what may be a secret", async () => {
    const file = join(home, "own.toml");
    writeFileSync(file, '[sandbox]\ncpu = 2\n[env]\nAPI_TOKEN = "hunter2"\n');
    const args = ["config", "show", "--config", "own.toml", "--target", "modal"];
    const text = await parhelia(args, { PARHELIA_REGION: "eu" });
    expect(text.stdout).toMatch(/^target +"modal" +--target$/m);
    expect(text.stdout).toMatch(/^modal\.region +"eu" +PARHELIA_REGION$/m);
    expect(text.stdout).toMatch(/^sandbox\.cpu +2 +own\.toml:2$/m);
    expect(text.stderr).toContain("warning: own.toml:4: [env] API_TOKEN looks like a secret");
    const json = await parhelia([...args, "--json"]);
    const { values } = JSON.parse(json.stdout) as { values: { key: string }[] };
    expect(values).toContainEqual({
      key: "sandbox.cpu",
      value: 2,
      source: { kind: "file", path: file, line: 2 },
    });
    expect(text.stdout + text.stderr + json.stdout + json.stderr).not.toContain("hunter2");
  });

  test("a mistake in the file ends with 2 and names the line", async () => {
    writeFileSync(join(home, "bad.toml"), "[sandbox]\ncpus = 2\n");
    const result = await parhelia(["config", "show", "--config", "bad.toml"]);
    expect(result).toMatchObject({ stdout: "", exitStatus: 2 });
    expect(result.stderr).toMatch(
      /^error: bad\.toml:2: unknown key sandbox\.cpus; did you mean cpu\?\nhint: /,
    );
  });
});
