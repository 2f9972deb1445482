import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { sandboxContainers } from "../support/engine-things.ts";
import { eventually } from "../support/eventually.ts";
import { runProgram, type ProgramResult } from "../support/run-program.ts";
import { useSharedHome } from "../support/shared-home.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const TIMEOUT_MS = 120_000;

const home = useSharedHome();

afterEach(async () => {
  await eventually("its sandboxes go", 5_000, async () =>
    (await sandboxContainers(home)).size === 0 ? true : undefined,
  );
});

/** Runs an example by the very command that its README gives. */
function run(name: string, env: NodeJS.ProcessEnv = {}): Promise<ProgramResult> {
  const program = `examples/${name}/main.ts`;
  expect(readFileSync(join(ROOT, "examples", name, "README.md"), "utf8")).toContain(
    `node ${program}\n`,
  );
  return runProgram(process.execPath, [join(ROOT, program)], {
    cwd: home.project,
    env: { ...home.env, ...env },
    timeoutMs: TIMEOUT_MS,
  });
}

describe("examples", () => {
  test("library: a session by createClaudeSandbox and runInSandbox (SPEC-01.01)", async () => {
    const { exitStatus, stdout, stderr } = await run("library");
    expect(exitStatus, stderr).toBe(0);
    expect(stdout).toMatch(/ is ready after \d+ ms on local\nClaude Code: \d+\.\d+\.\d+ /);
    expect(stdout).toContain("Python: 42\n");
    expect(stdout).toMatch(/^checkpoint \d{8}T\S+: \d+ bytes$/m);
    expect(stdout.endsWith("the sandbox has ended\n")).toBe(true);
  });

  test("modal-sdk: a program that knows only Modal's SDK", async () => {
    const variables = (await home.json(["local", "serve"])) as Record<string, string>;
    const { exitStatus, stdout, stderr } = await run("modal-sdk", variables);
    expect(exitStatus, stderr).toBe(0);
    expect(stdout).toMatch(/^image im-.*\nsandbox sb-.*\nit says: hello from a sandbox\n$/);
  });
});
