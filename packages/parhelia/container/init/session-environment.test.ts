import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { sessionEnvironment } from "./session-environment.ts";

/** What a command gets that starts with `environment` and reads `session.env`, as parhelia-exec does. */
function afterSourcing(file: string, environment: NodeJS.ProcessEnv): Record<string, string> {
  const output = execFileSync("/bin/sh", ["-c", `${file}\nexec env -0`], {
    env: environment,
    encoding: "utf8",
  });
  return Object.fromEntries(
    output
      .split("\0")
      .filter((entry) => entry !== "")
      .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}

const ofRuntime = { HOME: "/root", PATH: "/usr/local/bin:/usr/bin:/bin" };

describe("the session's environment", () => {
  test("defaults: who the user is, where Claude Code keeps its state, no updates", () => {
    const { variables, file } = sessionEnvironment(ofRuntime, new Map());
    expect(variables).toEqual({
      HOME: "/home/parhelia",
      USER: "parhelia",
      LOGNAME: "parhelia",
      SHELL: "/bin/bash",
      PATH: "/home/parhelia/.local/bin:/opt/parhelia-venv/bin:/usr/local/bin:/usr/bin:/bin",
      LANG: "C.UTF-8",
      CLAUDE_CONFIG_DIR: "/var/lib/parhelia/claude",
      DISABLE_UPDATES: "1",
      CLAUDE_CODE_TMUX_TRUECOLOR: "1",
      CLAUDE_CODE_SANDBOXED: "1",
      PARHELIA_WORKSPACE: "/vol/parhelia/workspaces",
    });
    expect(afterSourcing(file, ofRuntime)).toMatchObject(variables);
  });

  test("SPEC-01.AC4: the sandbox's variables reach processes, and no file", () => {
    const given = { ...ofRuntime, ANTHROPIC_API_KEY: "sk-secret", LANG: "de_DE.UTF-8" };
    const { variables, file } = sessionEnvironment(given, new Map());
    expect(variables).toMatchObject({ ANTHROPIC_API_KEY: "sk-secret", LANG: "de_DE.UTF-8" });
    expect(file).not.toContain("sk-secret");
    expect(file).not.toContain("de_DE");
  });

  test("what is given comes before remote.env, and that before the default", () => {
    const remote = new Map([
      ["LANG", "fr_FR.UTF-8"],
      ["DISABLE_UPDATES", "0"],
      ["EXTRA", "it's $HOME"],
      ["PATH", "/opt/own"],
      ["SHELL", "/bin/zsh"],
    ]);
    const given = { ...ofRuntime, LANG: "de_DE.UTF-8", HOME: "/home/other" };
    const { variables, file } = sessionEnvironment(given, remote);
    const expected = {
      LANG: "de_DE.UTF-8",
      DISABLE_UPDATES: "0",
      EXTRA: "it's $HOME",
      PATH: "/opt/own",
      SHELL: "/bin/zsh",
      HOME: "/home/other",
    };
    expect(variables).toMatchObject(expected);
    // PATH last: after it, `env` itself is not found.
    const { PATH: path, ...others } = expected;
    expect(file).toContain(`export PATH='${path}'`);
    expect(afterSourcing(file.replace("/opt/own", "/usr/bin:/bin"), given)).toMatchObject(others);
  });

  test("overriding is what is not a default: of the sandbox, of remote.env, and who the session is", () => {
    const remote = new Map([["DISABLE_UPDATES", "0"]]);
    const { overriding } = sessionEnvironment({ ...ofRuntime, TZ: "UTC" }, remote);
    expect([...overriding].sort()).toEqual(
      ["DISABLE_UPDATES", "HOME", "LOGNAME", "PATH", "SHELL", "TZ", "USER"].sort(),
    );
  });

  test("a variable of a single command comes before all", () => {
    const { file } = sessionEnvironment(ofRuntime, new Map([["EXTRA", "remote"]]));
    const command = { ...ofRuntime, EXTRA: "", CLAUDE_CONFIG_DIR: "/elsewhere" };
    expect(afterSourcing(file, command)).toMatchObject({
      EXTRA: "",
      CLAUDE_CONFIG_DIR: "/elsewhere",
    });
  });

  test("a prepared sandbox's commands lack what its session brought, and get it", () => {
    const sandbox = { ...ofRuntime, PARHELIA_CLAIM_BY: "2026-01-01T00:00:00.000Z" };
    const claimed = { PARHELIA_SESSION: "it's", PARHELIA_WORKSPACE: "/vol/parhelia/workspaces/w" };
    const remote = new Map([["PARHELIA_SESSION", "remote"]]);
    const start = sessionEnvironment({ ...ofRuntime, ...claimed }, remote, claimed);
    expect(start.variables).toMatchObject(claimed);
    expect([...start.overriding]).toEqual(expect.arrayContaining(Object.keys(claimed)));
    const command = afterSourcing(start.file, sandbox);
    expect(command).toMatchObject(claimed);
    expect(command).not.toHaveProperty("PARHELIA_CLAIM_BY");
  });

  test("what shells leave behind does not get in", () => {
    const { variables } = sessionEnvironment(
      { ...ofRuntime, PWD: "/", SHLVL: "2", _: "/usr/bin/env" },
      new Map(),
    );
    expect(Object.keys(variables)).not.toEqual(expect.arrayContaining(["PWD"]));
    expect(variables).not.toHaveProperty("SHLVL");
    expect(variables).not.toHaveProperty("_");
  });
});
