import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  everythingOf,
  filesOf,
  git,
  makeDirtyRepository,
  makeRepository,
  put,
  QUESTIONS,
} from "../support/dirty-repository.ts";
import { Projects } from "../support/projects.ts";
import { type Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const projects = new Projects(home);
const project = projects.at("project");

/** The bytes that a start said it sent. */
function sentBytes(stderr: string): number {
  const [, amount = "", unit = ""] =
    /the project is there, sent ([\d.]+) (B|kB|MB)/.exec(stderr) ?? [];
  return Number(amount) * ({ B: 1, kB: 1e3, MB: 1e6 }[unit] ?? Number.NaN);
}

/** What Git answers in a session, byte for byte. */
async function asked(session: Session, path: string, question: readonly string[]): Promise<string> {
  const { stdoutBytes } = await session.exec(["git", "-C", path, ...question]);
  return stdoutBytes.toString("latin1");
}

describe("issue C: a dirty working tree", () => {
  let dirty: Session;
  let before: string[];

  beforeAll(async () => {
    makeDirtyRepository(project);
    before = everythingOf(project);
    const { session, stderr, exitStatus } = await projects.up("dirty", project);
    expect(exitStatus, stderr).toBe(0);
    expect(stderr).toContain(`the Git repository ${project}`);
    dirty = session;
  });

  test("leaves the user's tree and index byte for byte as they were", () => {
    expect(everythingOf(project)).toEqual(before);
  });

  test("arrives with each file as it is on disk, and without the ignored ones", async () => {
    expect(await projects.filesIn(dirty)).toEqual(filesOf(project, ["ignored", "debug.log"]));
  });

  test.each(["", "vendor/library"])("is the same for Git in %j", async (path) => {
    for (const question of QUESTIONS) {
      const here = git(join(project, path), ...question);
      expect(await asked(dirty, path || ".", question), question.join(" ")).toBe(here);
    }
  });

  test("belongs to the session's user, has its remote without credentials, and can be committed", async () => {
    expect(await dirty.output(["find", ".", "!", "-user", "parhelia"])).toBe("");
    const url = await dirty.output(["git", "remote", "get-url", "origin"]);
    expect(url).toBe("https://example.com/Ada/project.git");
    const { stdout } = await dirty.exec(["grep", "-r", "secret-token", ".git", ".."]);
    expect(stdout).toBe("");
    expect(await dirty.output(["git", "fsck", "--full", "--no-dangling"])).toBe("");
    expect(await dirty.output(["git", "config", "user.email"])).toBe("ada@example.com");
  });

  test("is where the session's tmux is", async () => {
    const place = ["tmux", "display-message", "-p", "-t", "main", "#{pane_current_path}"];
    const directory = await dirty.output(place);
    expect(directory).toMatch(
      new RegExp(`^/vol/parhelia/workspaces/p-[0-9a-f]{16}/${dirty.name}$`),
    );
    const keys = [
      "send-keys",
      "-t",
      "main",
      "git rev-parse HEAD > /tmp/head; tmux wait-for -S h",
      "Enter",
    ];
    await dirty.output(["tmux", ...keys]);
    await dirty.output(["timeout", "20", "tmux", "wait-for", "h"]);
    expect(await dirty.output(["cat", "/tmp/head"])).toBe(git(project, "rev-parse", "HEAD").trim());
  });
});

describe("issue C: two sessions on one project", () => {
  const shared = projects.at("shared");
  let one: Session;
  let two: Session;
  let firstBytes = 0;
  let secondBytes = 0;

  beforeAll(async () => {
    makeRepository(shared, { "big.bin": randomBytes(600_000).toString("latin1"), file: "one\n" });
    put(shared, { "untracked.bin": randomBytes(500_000) });
    const first = await projects.up("one", shared);
    const second = await projects.up("two", shared);
    [one, two] = [first.session, second.session];
    [firstBytes, secondBytes] = [sentBytes(first.stderr), sentBytes(second.stderr)];
  });

  test("send once what is the same", () => {
    expect(firstBytes).toBeGreaterThan(1_000_000);
    expect(secondBytes).toBeLessThan(2_000);
  });

  test("have separate trees", async () => {
    await one.output(["sh", "-c", "echo changed > file; git commit -qam changed"]);
    expect(await two.output(["cat", "file"])).toBe("one");
    expect(await two.output(["git", "status", "--short"])).toBe("?? untracked.bin");
    expect(await one.output(["sh", "-c", "cd .. && pwd"])).toBe(
      await two.output(["sh", "-c", "cd .. && pwd"]),
    );
  });

  test("and a session's tree of before is not written over", async () => {
    await home.succeed(["rm", one.name]);
    const { exitStatus, stderr } = await projects.run(shared, ["up", one.name]);
    expect(exitStatus).toBe(2);
    expect(stderr).toContain(`session ${one.name} has a working tree of before on the volume`);
    for (const hint of [`parhelia pull ${one.name}`, `parhelia up ${one.name} --new`]) {
      expect(stderr).toContain(hint);
    }
    const running = (await home.json(["ls"])) as { name: string }[];
    expect(running.map(({ name }) => name)).not.toContain(one.name);
  });

  test("not even by one that begins anew: it is put aside", async () => {
    await two.output(["sh", "-c", "echo work > file; echo work > work"]);
    await two.stop();
    const refused = await projects.run(shared, ["up", two.name]);
    expect(refused.exitStatus).toBe(2);
    for (const hint of [`resume ${two.name}`, `up ${two.name} --new`]) {
      expect(refused.stderr).toContain(`parhelia ${hint}`);
    }
    const anew = await projects.run(shared, ["up", two.name, "--new"]);
    expect(anew.exitStatus, anew.stderr).toBe(0);
    expect(await projects.filesIn(two)).toEqual(filesOf(shared));
    const aside = `cd "$PWD".before-* && cat file work`;
    expect(await two.output(["sh", "-c", aside])).toBe("work\nwork");
  });
});

describe("issue C: repositories of other kinds", () => {
  test.each([
    [
      "without a commit",
      (at: string) => {
        mkdirSync(at);
        git(at, "init", "--quiet", "--initial-branch", "trunk");
        put(at, { staged: "staged\n", other: "other\n" });
        git(at, "add", "staged");
      },
    ],
    [
      "with a detached HEAD, in a conflict",
      (at: string) => {
        makeRepository(at, { file: "base\n" });
        git(at, "checkout", "--quiet", "-b", "side");
        put(at, { file: "side\n" });
        git(at, "commit", "--quiet", "--all", "--message", "side");
        git(at, "checkout", "--quiet", "--detach", "main");
        put(at, { file: "main\n" });
        git(at, "commit", "--quiet", "--all", "--message", "main");
        try {
          git(at, "merge", "side");
        } catch {
          /* in conflict */
        }
      },
    ],
    [
      "that is a shallow clone",
      (at: string) => {
        makeRepository(`${at}-origin`, { file: "1\n" });
        put(`${at}-origin`, { file: "2\n" });
        git(`${at}-origin`, "commit", "--quiet", "--all", "--message", "second");
        git(projects.directory, "clone", "--quiet", "--depth", "1", `file://${at}-origin`, at);
      },
    ],
    [
      "that is a worktree of another",
      (at: string) => {
        makeRepository(`${at}-main`, { file: "1\n" });
        git(`${at}-main`, "worktree", "add", "--quiet", "-b", "tree", at);
        put(at, { file: "2\n" });
      },
    ],
    [
      "with another repository inside, and a submodule as the place",
      (at: string) => {
        makeRepository(`${at}-outer`, { file: "outer\n" });
        makeRepository(`${at}-sub`, { file: "inner\n" });
        git(`${at}-outer`, "submodule", "--quiet", "add", `${at}-sub`, "sub");
        cpSync(`${at}-sub`, join(`${at}-outer`, "sub/embedded"), { recursive: true });
        put(join(`${at}-outer`, "sub/embedded"), { file: "dirty\n" });
        git(projects.directory, "init", "--quiet", at);
        rmSync(at, { recursive: true });
      },
    ],
  ])("%s", async (kind, make) => {
    const name = kind.replace(/\W+/g, "-");
    const at = projects.at(name);
    make(at);
    const root = kind.includes("as the place") ? join(`${at}-outer`, "sub") : at;
    const { session, stderr, exitStatus } = await projects.up(
      name.slice(0, 20),
      projects.directory,
      "--workspace",
      root,
    );
    expect(exitStatus, stderr).toBe(0);
    expect(await projects.filesIn(session)).toEqual(filesOf(root));
    for (const question of [
      ["status", "--porcelain=v2"],
      ["ls-files", "--stage"],
    ]) {
      expect(await asked(session, ".", question)).toBe(git(root, ...question));
    }
    if (kind !== "without a commit") {
      const log = ["log", "--format=%H %s"];
      expect(await asked(session, ".", log)).toBe(git(root, ...log));
    }
    await session.stop();
  });

  test("whose line ends Git converts: each byte arrives, and comes back", async () => {
    const at = projects.at("line-ends");
    const files = { untouched: "1\n2\n", edited: "1\n2\n", mixed: "1\n2\n" };
    makeRepository(at, files);
    git(at, "config", "core.autocrlf", "true");
    for (const name of Object.keys(files)) rmSync(join(at, name));
    git(at, "checkout", "--quiet", ".");
    put(at, { edited: "1\r\n3\r\n", mixed: "1\n3\r\n", staged: "1\r\n", untracked: "1\n" });
    git(at, "add", "staged");
    const clone = projects.at("line-ends-clone");
    git(projects.directory, "clone", "--quiet", "--config", "core.autocrlf=true", at, clone);
    expect(readFileSync(join(clone, "untouched"), "latin1")).toBe("1\r\n2\r\n");

    const { session, stderr, exitStatus } = await projects.up("line-ends", at);
    expect(exitStatus, stderr).toBe(0);
    expect(await projects.filesIn(session)).toEqual(filesOf(at));
    for (const question of QUESTIONS) {
      expect(await asked(session, ".", question), question.join(" ")).toBe(git(at, ...question));
    }
    await session.output(["sh", "-c", "printf 'more\\r\\n' > new; printf 'more\\n' >> edited"]);
    const back = ["pull", session.name, "--apply", "--workspace", clone];
    const pulled = await projects.run(projects.directory, back);
    expect(pulled.exitStatus, pulled.stderr).toBe(0);
    put(at, { new: "more\r\n", edited: "1\r\n3\r\nmore\n" });
    expect(filesOf(clone)).toEqual(filesOf(at));
    await session.stop();
  });
});
