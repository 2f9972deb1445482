import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  everythingOf,
  filesOf,
  git,
  makeDirtyRepository,
  makeRepository,
  put,
} from "../support/dirty-repository.ts";
import { killContainer, sandboxEnd } from "../support/editing-claude.ts";
import { Projects } from "../support/projects.ts";
import { type Session, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const projects = new Projects(home);

describe("issue C: parhelia pull", () => {
  const origin = projects.at("pulled");
  let session: Session;

  const pull = (cwd: string, ...args: readonly string[]) =>
    projects.run(cwd, ["pull", session.name, ...args]);

  /** Line ends and the like that Git converts: it sees no change in them, and a clone has them its own way. */
  const SAME_FOR_GIT = ["expanded.id", "mixed.auto"];
  const HERE_ALONE = ["ignored", "debug.log", ...SAME_FOR_GIT];

  /** A clone in the state in which the session's project was committed. */
  function cloneOf(name: string): string {
    const at = projects.at(name);
    git(projects.directory, "clone", "--quiet", "--recurse-submodules", origin, at);
    const head = git(join(origin, "vendor/library"), "rev-parse", "HEAD").trim();
    git(join(at, "vendor/library"), "fetch", "--quiet", join(origin, "vendor/library"), "main");
    git(join(at, "vendor/library"), "checkout", "--quiet", "-B", "main", head);
    return at;
  }

  beforeAll(async () => {
    makeDirtyRepository(origin);
    const started = await projects.up("pulled", origin);
    expect(started.exitStatus, started.stderr).toBe(0);
    session = started.session;
  });

  test("says that what was sent is here already, and changes nothing", async () => {
    const before = everythingOf(origin);
    const { stdout, stderr, exitStatus } = await pull(origin);
    expect(exitStatus, stderr).toBe(0);
    expect(stdout).toContain("no new commits\nwhat is not committed is here already\n");
    expect(stdout).toContain("vendor/library: what is not committed is here already");
    expect(everythingOf(origin)).toEqual(before);
  });

  test("brings a dirty tree exactly into a clean clone, with --apply", async () => {
    const clone = cloneOf("clean-clone");
    const { stdout, stderr, exitStatus } = await pull(
      projects.directory,
      "--apply",
      "--workspace",
      clone,
    );
    expect(exitStatus, stdout + stderr).toBe(0);
    expect(filesOf(clone, SAME_FOR_GIT)).toEqual(filesOf(origin, HERE_ALONE));
    for (const path of ["", "vendor/library"]) {
      for (const question of [
        ["status", "--porcelain=v2", "--untracked-files=all"],
        ["diff", "--binary"],
        ["diff", "--binary", "--cached"],
      ]) {
        const here = git(join(clone, path), ...question);
        expect(here, question.join(" ")).toBe(git(join(origin, path), ...question));
      }
    }
  });

  test("brings it as stash entries, which apply to a clean clone", async () => {
    const clone = cloneOf("stash-clone");
    for (let time = 1; time <= 2; time++) {
      const { stdout, exitStatus } = await pull(projects.directory, "--workspace", clone);
      expect(exitStatus, stdout).toBe(0);
      expect(stdout).toContain("is the newest stash entry: git stash apply --index");
      expect(git(clone, "status", "--short", "--ignore-submodules")).toBe("");
      expect(git(clone, "stash", "list").trim().split("\n")).toHaveLength(1);
    }
    git(clone, "stash", "apply", "--quiet", "--index");
    git(join(clone, "vendor/library"), "stash", "apply", "--quiet", "--index");
    // Git itself makes the line ends of a file one of them when it checks it out.
    const [inClone, inOrigin] = [filesOf(clone, SAME_FOR_GIT), filesOf(origin, HERE_ALONE)];
    for (const files of [inClone, inOrigin]) files.delete("windows.crlf");
    expect(inClone).toEqual(inOrigin);
    // A stash entry knows no intention to add.
    const staged = ["diff", "--cached", "--", ".", ":!intent"];
    expect(git(clone, ...staged)).toBe(git(origin, ...staged));
  });

  test("brings commits as a branch that moves on with them, of submodules and other branches, too", async () => {
    const commands = [
      "git add --all && git commit -qm 'all of it'",
      "git checkout -qb aside && git commit -q --allow-empty -m aside && git checkout -q main",
      "cd vendor/library && git add --all && git commit -qm inside",
    ];
    await session.output(["sh", "-ec", commands.join("\n")]);
    const before = filesOf(origin);
    const { stdout, exitStatus } = await pull(origin);
    expect(exitStatus, stdout).toBe(0);
    const branch = `parhelia/${session.name}`;
    expect(stdout).toContain(`1 new commit in branch ${branch}: git merge ${branch}`);
    const head = await session.output(["git", "rev-parse", "HEAD"]);
    expect(git(origin, "rev-parse", branch).trim()).toBe(head);
    expect(git(origin, "log", "-1", "--format=%s", `${branch}--aside`).trim()).toBe("aside");
    const library = join(origin, "vendor/library");
    expect(git(library, "log", "-1", "--format=%an %s", branch).trim()).toBe("Ada inside");

    await session.output(["git", "commit", "-q", "--allow-empty", "-m", "more"]);
    await pull(origin);
    expect(git(origin, "log", "-1", "--format=%s", branch).trim()).toBe("more");
    git(origin, "branch", "--force", branch, "HEAD~1");
    git(
      origin,
      "update-ref",
      `refs/heads/${branch}`,
      git(origin, "commit-tree", "HEAD^{tree}", "-m", "own").trim(),
    );
    await session.output(["git", "commit", "-q", "--allow-empty", "-m", "most"]);
    expect((await pull(origin)).stdout).toContain(`in branch ${branch}-2`);
    expect(git(origin, "log", "-1", "--format=%s", branch).trim()).toBe("own");
    expect(filesOf(origin)).toEqual(before);
  });

  test("a resumed session has its commits, branch and dirty tree again, and pull brings them", async () => {
    const work = `
      git checkout -q aside && echo more >>README.md && git add README.md && echo last >>README.md
      git rm -q --cached tool.sh && echo new >unknown && rm staged.bin
      cd vendor/library && git checkout -qb inner && echo inside >inside`;
    await session.output(["sh", "-ec", work]);
    const questions = `
      for at in . vendor/library; do
        git -C $at log --all --format='%H %d %s' && git -C $at status --porcelain=v2 --branch
        git -C $at diff --binary && git -C $at diff --binary --cached && git -C $at reflog
      done`;
    const state = () => session.output(["sh", "-ec", questions]);
    const [stateBefore, filesBefore] = [await state(), await projects.filesIn(session)];
    const running = (await home.json(["ls"])) as { name: string; sandboxId: string }[];
    const sandboxId = running.find(({ name }) => name === session.name)?.sandboxId ?? "";
    const { stdout } = await session.command("checkpoint", "--json");
    const { id } = JSON.parse(stdout) as { id: string };
    // Nothing of the tree may come from anywhere but the checkpoint.
    await session.output(["sh", "-ec", "rm -rf .git vendor; echo torn >README.md"]);
    await session.commit();
    await killContainer(home, sandboxId, "SIGKILL");
    await sandboxEnd(home, sandboxId, 60_000);
    await session.resume("--at", id);
    expect(await state()).toBe(stateBefore);
    expect(await projects.filesIn(session)).toEqual(filesBefore);

    const pulled = await pull(origin);
    expect(pulled.exitStatus, pulled.stdout + pulled.stderr).toBe(0);
    expect(git(origin, "stash", "show", "--include-untracked", "--name-only")).toContain(
      "unknown\n",
    );
  });
});

describe("issue C: parhelia pull where both sides changed", () => {
  const both = projects.at("both");
  let session: Session;
  const pull = (...args: readonly string[]) => projects.run(both, ["pull", session.name, ...args]);

  beforeAll(async () => {
    makeRepository(both, { a: "a\n", b: "b\n", c: "c\n", ".gitignore": "*.log\n" });
    put(both, { a: "a, not committed\n" });
    session = (await projects.up("both", both)).session;
    await session.output(["sh", "-ec", "echo theirs > b; echo more >> a; echo new > d; rm c"]);
  });

  test("writes nothing over: it names the files, ends with 1, and leaves the work in a stash entry", async () => {
    put(both, { b: "mine\n" });
    const before = [filesOf(both), git(both, "status", "--porcelain=v2")];
    const { stdout, exitStatus } = await pull("--apply");
    expect(exitStatus).toBe(1);
    expect(stdout).toContain("conflict: b was changed here and in the session");
    expect(stdout).toContain("nothing was changed in your working tree");
    expect([filesOf(both), git(both, "status", "--porcelain=v2")]).toEqual(before);
    expect(git(both, "show", "stash@{0}:b")).toBe("theirs\n");
    expect(git(both, "show", "stash@{0}^3:d")).toBe("new\n");
  });

  test("says what is in the way in Git: a branch, or another Git at work", async () => {
    await session.output(["git", "commit", "-q", "--allow-empty", "-m", "of the session"]);
    git(both, "branch", "parhelia");
    const before = [filesOf(both), git(both, "status", "--porcelain=v2")];
    const named = await pull();
    expect([named.exitStatus, named.stderr]).toEqual([
      2,
      expect.stringContaining("a branch parhelia is in the way"),
    ]);
    expect(named.stderr).toContain(
      "hint: give it another name, then pull again: git branch --move",
    );
    git(both, "branch", "--quiet", "--delete", "parhelia");

    git(both, "checkout", "--quiet", "b");
    put(both, { ".git/index.lock": "" });
    const locked = await pull("--apply");
    expect([locked.exitStatus, locked.stderr]).toEqual([
      2,
      expect.stringContaining("another Git is at work"),
    ]);
    expect(readFileSync(join(both, ".git/index.lock"), "utf8")).toBe("");
    rmSync(join(both, ".git/index.lock"));
    put(both, { b: "mine\n" });
    expect([filesOf(both), git(both, "status", "--porcelain=v2")]).toEqual(before);
    await session.output(["git", "reset", "-q", "--soft", "HEAD~1"]);
  });

  test("keeps an ignored file that is in the way", async () => {
    git(both, "checkout", "--quiet", "b");
    put(both, { "own.log": "mine\n" });
    await session.output(["sh", "-ec", "echo theirs > own.log; git add --force own.log"]);
    const { stdout, exitStatus } = await pull("--apply");
    expect([exitStatus, stdout]).toEqual([1, expect.stringContaining("conflict: own.log")]);
    await session.output(["sh", "-ec", "git rm --quiet --force own.log"]);
  });

  test("applies what the user has not touched, also on top of what was sent, in a session that has stopped", async () => {
    await session.stop();
    put(both, { mine: "mine\n" });
    const { stdout, stderr, exitStatus } = await pull("--apply", "--json");
    expect(exitStatus, stdout + stderr).toBe(0);
    const [repository] = (JSON.parse(stdout) as { repositories: { work: string }[] }).repositories;
    expect(repository?.work).toBe("applied");
    const names = ["a", "b", "c", "d", "mine", "own.log"];
    expect([...filesOf(both).keys()].filter((name) => names.includes(name)).sort()).toEqual(
      names.filter((name) => name !== "c"),
    );
    expect(git(both, "status", "--short", "--ignored")).toBe(
      " M a\n M b\n D c\n?? d\n?? mine\n!! own.log\n",
    );
    const running = (await home.json(["local", "status"])) as { sandboxes?: unknown[] };
    expect(JSON.stringify(running)).not.toContain('"pull"');
  });
});
