import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../repository/tree.ts";
import { filesOf, git, makeRepository, put } from "../support/dirty-repository.ts";
import { randomSecret } from "../support/leaks.ts";
import { Projects } from "../support/projects.ts";
import type { RunningProgram } from "../support/run-program.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const SERVER = readFileSync(join(ROOT, "test/support/git-http-server.ts"), "utf8");
const FOLDER = "/srv/git";
const PUBLIC = "https://github.com/public/tools";
const PRIVATE = "https://github.com/owner/tools.git";

const token = randomSecret();
const home = useSharedHome();
const projects = new Projects(home);
const host = new Session(home, "git-host");
/** The person's own Git knows who they are. */
const gitConfig = join(home.directory, ".gitconfig");
let server: RunningProgram | undefined;
let address = "";
let commits: string[] = [];

beforeAll(async () => {
  writeFileSync(gitConfig, "[user]\nname = Ada\nemail = ada@example.com\n");
  await home.succeed(["secret", "set", "github-token", "GITHUB_TOKEN"], { stdin: token });
  await host.up();
  await startServer();
});
afterAll(async () => {
  rmSync(gitConfig);
  server?.signal("SIGTERM");
  await host.stop();
  await home.succeed(["secret", "rm", "github-token"]);
});

/** A real git server over HTTPS, in a sandbox: the others have it as github.com. */
async function startServer(): Promise<void> {
  const made = await host.asRoot(["sh", "-ec", `cat > /tmp/server.ts; ${MAKE_REPOSITORIES}`], {
    stdin: SERVER,
  });
  [address = "", ...commits] = made.split("\n");
  const run = `exec bun /tmp/server.ts ${FOLDER} 443 0.0.0.0`;
  const args = ["exec", "--root", host.name, "--", "sh", "-c", run];
  server = home.start(args, { stdin: token });
  await server.printed(/listening on 443/);
}

const MAKE_REPOSITORIES = `
  mkdir -p ${FOLDER}/owner ${FOLDER}/public && cd ${FOLDER}
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=github.com -keyout key.pem -out cert.pem 2> /dev/null
  cat cert.pem key.pem > server.pem
  export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.com
  export GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.com
  git init --quiet --initial-branch=main library && cd library
  echo library > library && git add . && git commit --quiet -m library
  cd .. && git clone --quiet --bare library public/library.git
  git init --quiet --initial-branch=main tools && cd tools
  echo one > file && git add . && git commit --quiet -m one && git tag v1
  git -c protocol.file.allow=always submodule --quiet add ../public/library.git library
  git config --file .gitmodules submodule.library.url https://github.com/public/library.git
  echo two > file && git add . && git commit --quiet -m two
  git checkout --quiet -b feature/new HEAD~1 && echo three > file && git commit --quiet -am three
  git checkout --quiet main
  cd .. && git clone --quiet --bare tools public/tools.git && git clone --quiet --bare tools owner/tools.git
  hostname -I | cut -d ' ' -f 1
  git -C tools rev-parse main v1 feature/new`;

/** `parhelia up --repo`, where github.com is the test's. */
function clone(name: string, repo: string, ...args: readonly string[]) {
  const there = {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "http.curloptResolve",
    GIT_CONFIG_VALUE_0: `github.com:443:${address}`,
    GIT_SSL_NO_VERIFY: "1",
  };
  const env = Object.entries(there).flatMap((pair) => ["--env", pair.join("=")]);
  return projects.up(name, projects.directory, "--repo", repo, ...env, ...args);
}

async function runningNames(): Promise<string[]> {
  return ((await home.json(["ls"])) as { name: string }[]).map(({ name }) => name);
}

describe("issue C: parhelia up --repo", () => {
  test("clones with submodules, where Claude Code will work, and says where it is from", async () => {
    const { session, stderr, exitStatus } = await clone("plain", PUBLIC);
    expect(exitStatus, stderr).toBe(0);
    expect(stderr).toContain(`project tools: a clone of ${PUBLIC}`);
    expect(await session.output(["sh", "-c", "pwd; cat file library/library"])).toMatch(
      new RegExp(`^/vol/parhelia/workspaces/p-[0-9a-f]{16}/${session.name}\ntwo\nlibrary$`),
    );
    expect(await session.output(["git", "status", "--short", "--branch"])).toBe(
      "## main...origin/main",
    );
    expect(await session.output(["find", ".", "!", "-user", "parhelia"])).toBe("");
    await session.stop();
    const again = await clone("plain", PUBLIC);
    expect([again.exitStatus, again.stderr]).toEqual([
      2,
      expect.stringContaining(`parhelia resume ${session.name}`),
    ]);
  });

  test("a private one with the token, which is in no file then", async () => {
    const { session, stderr, exitStatus } = await clone("private", PRIVATE);
    expect(exitStatus, stderr).toBe(0);
    expect(await session.output(["git", "remote", "get-url", "origin"])).toBe(PRIVATE);
    const search = [
      "grep",
      "-rlF",
      "-D",
      "skip",
      "-f",
      "-",
      "/etc",
      "/home",
      "/run",
      "/tmp",
      "/vol",
    ];
    const found = await session.exec(search, { stdin: token });
    expect([found.stdout, stderr.includes(token)]).toEqual(["", false]);
  });

  test("at a branch, a tag or a commit", async () => {
    const [main = "", tagged = "", branched = ""] = commits;
    for (const [ref, commit, head] of [
      ["feature/new", branched, "feature/new"],
      ["v1", tagged, "HEAD"],
      [main, main, "HEAD"],
    ] as const) {
      const { session, stderr, exitStatus } = await clone(
        `at-${ref.slice(0, 3)}`,
        `${PUBLIC}#${ref}`,
      );
      expect(exitStatus, stderr).toBe(0);
      expect(await session.output(["git", "rev-parse", "HEAD", "--abbrev-ref", "HEAD"])).toBe(
        `${commit}\n${head}`,
      );
      expect(await session.output(["git", "status", "--short"])).toBe("");
      await session.stop();
    }
  });

  test("what a session does there comes back to a clone of the same address", async () => {
    const { session } = await clone("worked", PUBLIC);
    await session.output(["sh", "-ec", "echo more >> file; git commit -qam more; echo new > new"]);
    expect(await session.output(["git", "log", "-1", "--format=%an <%ae>"])).toBe(
      "Ada <ada@example.com>",
    );
    const here = projects.at("tools");
    makeRepository(here, { readme: "of this clone\n" });
    git(here, "remote", "add", "origin", `${PUBLIC}.git`);
    put(here, { own: "own\n" });
    const pulled = await projects.run(here, ["pull", session.name]);
    expect(pulled.exitStatus, pulled.stderr).toBe(1);
    expect(pulled.stdout).toContain("library: it is not checked out here");
    expect(git(here, "show", `parhelia/${session.name}:file`)).toBe("two\nmore\n");
    expect(git(here, "show", "stash@{0}^3:new")).toBe("new\n");
    expect([...filesOf(here).keys()].sort()).toEqual(["own", "readme"]);
  });

  test.each([
    ["an address that is not there", "https://github.com/public/nothing", "not found"],
    ["a branch that is not there", `${PUBLIC}#nothing`, "Remote branch nothing not found"],
    ["a commit that is not there", `${PUBLIC}#${"0123456789".repeat(4)}`, "0123456789"],
    ["a host that is not there", "https://nowhere.invalid/tools", "nowhere.invalid"],
    [
      "a program instead of an address",
      "ext::sh -c touch% /tmp/run",
      "transport 'ext' not allowed",
    ],
  ])("%s is the user's mistake, and nothing is left running", async (name, repo, reason) => {
    const { session, stderr, exitStatus } = await clone(name.split(" ")[1] ?? "", repo);
    expect([exitStatus, stderr]).toEqual([2, expect.stringContaining("could not be cloned: ")]);
    expect(stderr).toContain(reason);
    expect(stderr).toMatch(/\nhint: /);
    expect(await runningNames()).not.toContain(session.name);
  });

  test("a private one without the token says how to give it; the same command then clones it", async () => {
    const withoutSecret = join(home.directory, "no-secrets.toml");
    writeFileSync(withoutSecret, "[image]\npip = []\n[secrets]\nnames = []\n");
    const refused = await clone("secret", PRIVATE, "--config", withoutSecret);
    expect([refused.exitStatus, refused.stderr]).toEqual([
      2,
      expect.stringContaining("parhelia secret set github-token GITHUB_TOKEN"),
    ]);
    expect(await runningNames()).not.toContain(refused.session.name);
    const cloned = await clone("secret", PRIVATE);
    expect(cloned.exitStatus, cloned.stderr).toBe(0);
  });
});
