import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../repository/tree.ts";
import { runProgram, type ProgramResult } from "../support/run-program.ts";
import { claimSharedHome } from "../support/shared-home.ts";

const BUILD_TIMEOUT_MS = 10 * 60_000;

describe("./quickstart", () => {
  const home = claimSharedHome();
  let first: ProgramResult;
  let second: ProgramResult;

  const quickstart = (): Promise<ProgramResult> =>
    runProgram(join(ROOT, "quickstart"), [], {
      cwd: home.directory,
      env: home.env,
      timeoutMs: BUILD_TIMEOUT_MS,
    });

  beforeAll(async () => {
    first = await quickstart();
    second = await quickstart();
    await home.succeed(["stop", "quickstart"]);
  }, 2 * BUILD_TIMEOUT_MS);

  test("SPEC-01.01: ends with 0, the first time and the second", () => {
    expect(first, first.stdout + first.stderr).toMatchObject({ exitStatus: 0 });
    expect(second, second.stdout + second.stderr).toMatchObject({ exitStatus: 0 });
  });

  test("SPEC-01.AC1: Claude Code runs in the sandbox", () => {
    expect(first.stdout).toMatch(/✓ AC1 .*claude --version\n\s+\d+\.\d+\.\d+ \(Claude Code\)\n/);
  });

  test("SPEC-01.AC3, SPEC-01.03: a file outlives the sandbox that wrote it", () => {
    expect(first.stdout).toMatch(/✓ AC3 .*after stop and up\)\n\s+written before the restart\n/);
  });

  test("SPEC-01.AC4: a secret is in the environment, and in no log", () => {
    expect(first.stdout).toMatch(/✓ AC4 .*printenv.*\n\s+set, and in none of \d+ logs\n/);
  });

  test("SPEC-01.AC5: says where the time of a cold start goes", () => {
    expect(first.stdout).toMatch(/create sandbox\s+[\d.]+ ms/);
    expect(first.stdout).toMatch(/total\s+[\d.]+ ms/);
  });

  test("SPEC-01.AC6: ~/.claude leads to the volume", () => {
    expect(first.stdout).toMatch(/✓ AC6 .*readlink.*\n\s+\/vol\/parhelia\/config\/claude\n/);
  });

  test("SPEC-01.AC7: the tmux session is there", () => {
    expect(first.stdout).toMatch(/✓ AC7 .*tmux has-session -t main\n/);
  });

  test("SPEC-01.05: uses the published image, the second time", () => {
    expect(second.stdout).toContain("image parhelia-cpu is published");
    expect(second.stdout).not.toContain("building the image");
  });

  test("goes on with the session that runs, the second time", () => {
    expect(first.stdout).toContain("session quickstart is ready");
    expect(second.stdout).toContain("session quickstart runs already");
  });

  test("leaves no secret and no sandbox of its own checks behind", async () => {
    const secrets = await home.succeed(["secret", "ls"]);
    const sessions = await home.succeed(["ls"]);
    expect(secrets).not.toContain("quickstart-secret");
    expect(sessions).not.toContain("quickstart-check");
  });
});
