import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GIT_CREDENTIAL_PROGRAM } from "../protocol/paths.ts";

const PROGRAM = join(import.meta.dirname, "git-credential-parhelia");

/** What Git gets from the helper. */
function ask(action: string, input: string, env: NodeJS.ProcessEnv): string {
  const { stdout, stderr, status } = spawnSync(PROGRAM, [action], {
    input,
    env: { PATH: process.env["PATH"], ...env },
    encoding: "utf8",
  });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout;
}

const github = "protocol=https\nhost=github.com\nwwwauth[]=Basic realm=x\n\n";

describe("SPEC-01.14: the credential helper", () => {
  test("answers for GitHub with the token of its environment", () => {
    const answer = "username=x-access-token\npassword=ghp_a=b %s\\n\n";
    expect(ask("get", github, { GITHUB_TOKEN: "ghp_a=b %s\\n" })).toBe(answer);
    expect(
      ask("get", "host=gist.github.com\nprotocol=https\n", { GITHUB_TOKEN: "ghp_a=b %s\\n" }),
    ).toBe(answer);
  });

  test.each([
    ["another host", "protocol=https\nhost=github.com.evil.test\n\n", {}],
    ["a host that looks like a pattern", "protocol=https\nhost=anything\n\n", { GH_HOST: "*" }],
    ["no host", "protocol=https\n\n", {}],
    ["an unencrypted connection", "protocol=http\nhost=github.com\n\n", {}],
    ["a host after the end", "protocol=https\n\nhost=github.com\n", {}],
    ["no token", github, { GITHUB_TOKEN: "" }],
  ])("says nothing for %s", (_, input, env) => {
    expect(ask("get", input, { GITHUB_TOKEN: "t", ...env })).toBe("");
  });

  test.each(["GH_HOST", "GITHUB_HOST"])("answers for the host of %s", (name) => {
    const input = "protocol=https\nhost=git.corp.test:8443\n\n";
    expect(ask("get", input, { GITHUB_TOKEN: "t", [name]: "git.corp.test:8443" })).toContain(
      "password=t\n",
    );
  });

  test.each(["store", "erase"])("does nothing for %s", (action) => {
    expect(ask(action, `${github.trimEnd()}\npassword=x\n\n`, { GITHUB_TOKEN: "t" })).toBe("");
  });

  test("is the one that Git is told of", () => {
    const config = readFileSync(join(import.meta.dirname, "gitconfig"), "utf8");
    expect(config).toContain(`\thelper = ${GIT_CREDENTIAL_PROGRAM}\n`);
  });
});
