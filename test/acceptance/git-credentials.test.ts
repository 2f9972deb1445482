import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PluginSyncResult } from "../../packages/parhelia/container/protocol/batch.ts";
import { ROOT } from "../repository/tree.ts";
import { randomSecret } from "../support/leaks.ts";
import type { RunningProgram } from "../support/run-program.ts";
import { Session, useSharedHome } from "../support/shared-home.ts";

const SERVER = readFileSync(join(ROOT, "test/support/git-http-server.ts"), "utf8");

/** In the sandbox, github.com is a server of the test's, which has this certificate. */
const FOLDER = "/srv/git";
const CERTIFICATE = `${FOLDER}/cert.pem`;
const THERE = {
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "http.curloptResolve",
  GIT_CONFIG_VALUE_0: "github.com:443:127.0.0.1",
  GIT_SSL_CAINFO: CERTIFICATE,
};

const token = randomSecret();
const home = useSharedHome();
const configuration = join(home.directory, "git.toml");
writeFileSync(configuration, `[image]\npip = []\n[volume]\nname = "git-${process.pid}"\n`);
const flags = ["--config", configuration];
const session = new Session(home, "git", flags);
const WORKSPACE = `/vol/parhelia/workspaces/${session.name}`;
let server: RunningProgram | undefined;

beforeAll(async () => {
  await home.succeed(["secret", "set", "github-token", "GITHUB_TOKEN"], { stdin: token });
  await session.up();
  await startServer();
});
afterAll(async () => {
  server?.signal("SIGTERM");
  await session.stop();
  await home.succeed(["secret", "rm", "github-token"]);
});

/** A real git server, over HTTPS, for whoever has the token. */
async function startServer(): Promise<void> {
  const names = "subjectAltName=DNS:github.com,DNS:gitlab.test,DNS:git.corp.test";
  await asRoot(
    `mkdir -p ${FOLDER}/owner && cd ${FOLDER}
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=github.com -addext ${names} -keyout key.pem -out cert.pem
    cat cert.pem key.pem > server.pem && chmod 600 key.pem server.pem
    git init --quiet --bare --initial-branch=main owner/tools.git
    git -C owner/tools.git config http.receivepack true
    cat > server.ts`,
    SERVER,
  );
  const command = ["sh", "-c", `cd ${FOLDER} && exec bun server.ts ${FOLDER} 443`];
  const args = [...flags, "exec", "--root", session.name, "--", ...command];
  server = home.start(args, { stdin: token });
  await server.printed(/listening on 443/);
}

function asRoot(script: string, stdin = ""): Promise<string> {
  return session.asRoot(["sh", "-ec", script], { stdin });
}

/** Runs a shell's script as the user, with the test's github.com. */
function inSession(script: string, more: Readonly<Record<string, string>> = {}) {
  const env = Object.entries({ ...THERE, ...more }).flatMap((pair) => ["--env", pair.join("=")]);
  return home.run([...flags, "exec", session.name, ...env, "--", "sh", "-ec", script]);
}

describe("SPEC-01.14: with GITHUB_TOKEN, Git over HTTPS needs no log-in", () => {
  test("clone and push", async () => {
    const { exitStatus, stderr } = await inSession(`
      git clone --quiet https://github.com/owner/tools.git && cd tools
      echo content > file && git add file
      git -c user.name=Test -c user.email=test@test.invalid commit --quiet -m first
      git push --quiet origin main
      cd .. && git clone --quiet https://github.com/owner/tools again`);
    expect(exitStatus, stderr).toBe(0);
    expect(await session.output(["cat", `${WORKSPACE}/again/file`])).toBe("content");
    expect(await asRoot(`git -C ${FOLDER}/owner/tools.git log --format=%s main`)).toBe("first");
  });

  test("for GitHub Enterprise's host, too, and for no other", async () => {
    const at = (host: string) => ({ GIT_CONFIG_VALUE_0: `${host}:443:127.0.0.1` });
    const list = (host: string) => `git ls-remote https://${host}/owner/tools.git`;
    const corporate = { ...at("git.corp.test"), GH_HOST: "git.corp.test" };
    expect(await inSession(list("git.corp.test"), corporate)).toMatchObject({ exitStatus: 0 });
    const other = await inSession(list("gitlab.test"), at("gitlab.test"));
    expect(other.exitStatus).toBe(128);
    const log = await asRoot(`grep gitlab.test ${FOLDER}/requests.log`);
    expect(log).toMatch(/^GET gitlab\.test\S+ unknown$/);
  });

  test("with the token as it is in the environment now, and not without", async () => {
    const list = "git ls-remote https://github.com/owner/tools.git";
    const without = await inSession(`env -u GITHUB_TOKEN ${list}`);
    expect(without.exitStatus).toBe(128);
    expect(without.stderr).toContain("could not read Username");
    expect((await inSession(list, { GITHUB_TOKEN: "another" })).exitStatus).toBe(128);
  });

  test("SPEC-01.AC4: the token is in no file", async () => {
    const search = ["grep", "-rlF", "-D", "skip", "-f", "-", "/etc", "/home", "/root", "/run"];
    const found = await home.run(
      [...flags, "exec", "--root", session.name, "--", ...search, "/srv", "/tmp", "/var", "/vol"],
      { stdin: token },
    );
    expect(found.stdout).toBe("");
    expect(found.exitStatus).toBe(1);
  });

  test("trees of others than the user are usable", async () => {
    await asRoot(`git init --quiet ${WORKSPACE}/of-root`);
    const { exitStatus, stderr } = await inSession(`git -C ${WORKSPACE}/of-root status`);
    expect(exitStatus, stderr).toBe(0);
  });
});

describe("D10: parhelia batch plugin-sync", () => {
  const source = (commit: string, more: object = {}) => ({
    name: "tools",
    repository: "https://github.com/owner/tools.git",
    commit,
    path: "/vol/parhelia/plugins/marketplaces/tools",
    ...more,
  });

  /** The task as it runs in any sandbox of the image, where github.com is the test's. */
  async function batch(task: object, more: Readonly<Record<string, string>> = {}) {
    const env = Object.entries({ ...THERE, ...more }).flatMap((pair) => ["--env", pair.join("=")]);
    const run = await home.run(
      [...flags, "exec", "--root", session.name, ...env, "--", "parhelia-container", "batch"],
      { stdin: JSON.stringify({ task: "plugin-sync", ...task }) },
    );
    return { ...run, result: JSON.parse(run.stdout) as PluginSyncResult };
  }

  test("clones a private repository with the token, and says what to do without", async () => {
    const commit = await asRoot(`git -C ${FOLDER}/owner/tools.git rev-parse main`);
    const without = await batch({ sources: [source(commit)] }, { GITHUB_TOKEN: "" });
    expect(without.exitStatus).toBe(1);
    expect(without.result.plugins).toMatchObject([{ outcome: "failed" }]);
    expect(without.stdout).toContain("parhelia secret set github-token GITHUB_TOKEN");

    const run = await batch({});
    expect(run.exitStatus, run.stdout).toBe(0);
    expect(run.result.plugins).toEqual([{ name: "tools", commit, outcome: "cloned" }]);
    const clone = "/vol/parhelia/plugins/marketplaces/tools";
    expect(await session.output(["git", "-C", clone, "rev-parse", "HEAD"])).toBe(commit);
    expect(await session.output(["cat", `${clone}/file`])).toBe("content");
    expect(await session.output(["stat", "-c", "%U %a", clone])).toBe("root 755");
    expect((await batch({})).result.plugins).toMatchObject([{ outcome: "unchanged" }]);
  });

  test("in a sandbox of its own, from the lock, says what became of each", async () => {
    const commit = await session.output(["git", "-C", `${WORKSPACE}/tools`, "rev-parse", "HEAD"]);
    const lock = JSON.parse(readFileSync(join(ROOT, "parhelia.lock"), "utf8")) as object;
    const local = { name: "local", repository: `file://${WORKSPACE}/tools`, commit };
    const plugins = [
      { ...local, path: "/vol/parhelia/plugins/cache/m/local/1.0.0" },
      { ...local, name: "gone", repository: "file:///nowhere", path: "/vol/parhelia/plugins/gone" },
    ];
    const lockFile = join(home.directory, "parhelia.lock");
    writeFileSync(lockFile, JSON.stringify({ ...lock, plugins }));
    const run = await home.run([...flags, "batch", "plugin-sync"]);
    expect(run.exitStatus).toBe(1);
    expect(run.stdout).toMatch(/^gone +[0-9a-f]{12} +failed +git fetch: .*nowhere/m);
    expect(run.stdout).toMatch(/^local +[0-9a-f]{12} +cloned$/m);

    writeFileSync(lockFile, JSON.stringify({ ...lock, plugins: plugins.slice(0, 1) }));
    const again = (await home.json([...flags, "batch", "plugin-sync"])) as PluginSyncResult;
    expect(again).toMatchObject({ ok: true, plugins: [{ name: "local", outcome: "unchanged" }] });
    const file = "/vol/parhelia/plugins/cache/m/local/1.0.0/file";
    expect(await session.output(["cat", file])).toBe("content");
  });

  test("an unknown task is the user's mistake", async () => {
    const { exitStatus, stderr } = await home.run([...flags, "batch", "no-such-task"]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain("hint: parhelia batch plugin-sync");
  });
});
