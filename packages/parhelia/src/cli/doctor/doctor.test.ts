import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runProgram } from "../../../../../test/support/run-program.ts";
import type { Check } from "./check.ts";
import { checkClaudeConfiguration } from "./claude-configuration.ts";
import { checkNode } from "./machine.ts";
import { checkModalCredentials } from "./modal-credentials.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));

let home = "";

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "parhelia-doctor-"));
});

afterEach(() => {
  rmSync(home, { recursive: true });
});

interface Report {
  readonly target: string;
  readonly healthy: boolean;
  readonly checks: readonly Check[];
}

async function doctor(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ report: Report; exitStatus: number }> {
  const { PATH, NODE_EXTRA_CA_CERTS, DOCKER_HOST } = process.env;
  const result = await runProgram(process.execPath, [MAIN, "doctor", "--json", ...args], {
    cwd: home,
    env: { PATH, NODE_EXTRA_CA_CERTS, DOCKER_HOST, HOME: home, ...env },
    timeoutMs: 60_000,
  });
  return { report: JSON.parse(result.stdout) as Report, exitStatus: result.exitStatus };
}

describe("the doctor", () => {
  test("finds this machine fit for target local, engine and registry included", async () => {
    const { report, exitStatus } = await doctor([]);
    expect(report.checks.filter(({ status }) => status === "failure")).toEqual([]);
    expect(report).toMatchObject({ target: "local", healthy: true });
    expect(exitStatus).toBe(0);
    expect(report.checks.map(({ name }) => name)).toEqual([
      "node",
      "configuration",
      "engine",
      "disk space",
      "npm registry",
      "clock",
      "claude settings",
      "claude state",
    ]);
  });

  test("fails without Modal credentials, but only for target modal", async () => {
    const { report, exitStatus } = await doctor(["--target", "modal"]);
    expect(exitStatus).toBe(1);
    const failures = report.checks.filter(({ status }) => status === "failure");
    expect(failures.map(({ name }) => name)).toEqual(["modal credentials"]);
    expect(failures[0]?.mend).toContain("MODAL_TOKEN_ID");
  });

  test("reports a broken configuration and a dead registry, and goes on", async () => {
    writeFileSync(join(home, "parhelia.toml"), 'target = "lokal"\n');
    const { report, exitStatus } = await doctor([], { npm_config_registry: "http://127.0.0.1:9/" });
    expect(exitStatus).toBe(1);
    const find = (name: string): Check | undefined => report.checks.find((c) => c.name === name);
    expect(find("configuration")).toMatchObject({ status: "failure" });
    expect(find("configuration")?.detail).toContain("parhelia.toml:1: ");
    expect(find("npm registry")).toMatchObject({ status: "failure" });
    expect(find("clock")).toMatchObject({ status: "warning" });
    expect(find("claude state")).toMatchObject({ status: "ok" });
  });
});

describe("the user's Claude configuration", () => {
  test("damaged files are warned about, and their content is not repeated", () => {
    mkdirSync(join(home, ".claude"));
    writeFileSync(join(home, ".claude", "settings.json"), '{ "env": { "KEY": "hunter2" }, }');
    writeFileSync(join(home, ".claude.json"), "[]");
    const [settings, state] = checkClaudeConfiguration({ HOME: home });
    expect(settings).toMatchObject({ name: "claude settings", status: "warning" });
    expect(settings?.detail).toContain("settings.json is not JSON");
    expect(state).toMatchObject({ name: "claude state", status: "warning" });
    expect(JSON.stringify([settings, state])).not.toContain("hunter2");
  });

  test("CLAUDE_CONFIG_DIR holds both files", () => {
    writeFileSync(join(home, "settings.json"), "{}");
    writeFileSync(join(home, ".claude.json"), "nonsense");
    const checks = checkClaudeConfiguration({ HOME: "/nowhere", CLAUDE_CONFIG_DIR: home });
    expect(checks.map(({ status }) => status)).toEqual(["ok", "warning"]);
  });
});

describe("Modal credentials", () => {
  const token = { MODAL_TOKEN_ID: "ak-hunter2", MODAL_TOKEN_SECRET: "as-hunter2" };

  test("come from the environment, or from the profile that the SDK would use", async () => {
    expect(await checkModalCredentials({ HOME: home, ...token })).toMatchObject({ status: "ok" });
    writeFileSync(
      join(home, ".modal.toml"),
      '[old]\ntoken_id = "ak-1"\n[work]\ntoken_id = "ak-2"\ntoken_secret = "as-2"\nactive = true\n',
    );
    expect(await checkModalCredentials({ HOME: home })).toEqual({
      name: "modal credentials",
      status: "ok",
      detail: `profile work in ${home}/.modal.toml`,
    });
    expect(await checkModalCredentials({ HOME: home, MODAL_PROFILE: "old" })).toMatchObject({
      status: "failure",
      detail: `profile old in ${home}/.modal.toml: token_secret missing, also in the environment`,
    });
    const split = { HOME: home, MODAL_PROFILE: "old", MODAL_TOKEN_SECRET: "as-hunter2" };
    const check = await checkModalCredentials(split);
    expect(check.status).toBe("ok");
    expect(JSON.stringify(check)).not.toContain("hunter2");
  });

  test("a damaged profile file is named", async () => {
    writeFileSync(join(home, ".modal.toml"), "[work\n");
    const check = await checkModalCredentials({ HOME: home });
    expect(check).toMatchObject({ status: "failure" });
    expect(check.detail).toContain(".modal.toml cannot be read");
  });
});

test.each([
  ["v24.1.0", "ok"],
  ["v22.0.0", "ok"],
  ["v20.20.2", "failure"],
])("Node %s: %s", (version, status) => {
  expect(checkNode(version).status).toBe(status);
});
