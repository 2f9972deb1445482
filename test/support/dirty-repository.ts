import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createHash, randomBytes } from "node:crypto";

/** Runs git as a user without a configuration of their own. @returns what it printed, as it is */
export function git(directory: string, ...args: readonly string[]): string {
  return execFileSync("git", ["-c", "protocol.file.allow=always", ...args], {
    cwd: directory,
    env: {
      PATH: process.env["PATH"],
      HOME: "/nonexistent",
      GIT_AUTHOR_NAME: "Ada",
      GIT_AUTHOR_EMAIL: "ada@example.com",
      GIT_COMMITTER_NAME: "Ada",
      GIT_COMMITTER_EMAIL: "ada@example.com",
    },
    encoding: "latin1",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** A repository with one commit. */
export function makeRepository(directory: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(directory, { recursive: true });
  git(directory, "init", "--quiet", "--initial-branch", "main");
  git(directory, "config", "user.name", "Ada");
  git(directory, "config", "user.email", "ada@example.com");
  put(directory, files);
  git(directory, "add", "--all");
  git(directory, "commit", "--quiet", "--message", "first");
}

/** Writes files, and the directories that they are in. */
export function put(directory: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, path, ".."), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
}

/**
 * A working tree with everything in it that is not committed: renames, deletions, binary files, submodules, bits,
 * links, line ends, odd names, an untracked directory.
 */
export function makeDirtyRepository(directory: string): void {
  const library = `${directory}-library`;
  makeRepository(library, { "lib.c": "int one;\n", "deep/file": "deep\n" });
  makeRepository(directory, {
    "README.md": "hello\n",
    ".gitattributes": "*.crlf text eol=crlf\n*.auto text=auto\n*.id ident\n",
    ".gitignore": "ignored/\n*.log\n",
    "to-rename": "line\n".repeat(30),
    "to-delete": "gone\n",
    "to-delete-unstaged": "gone, too\n",
    "to-edit": "before\n",
    "to-stage-and-edit": "one\n",
    "becomes-directory": "file\n",
    "becomes-link/file": "file\n",
    "script.sh": "#!/bin/sh\n",
    "tool.sh": "#!/bin/sh\n",
    "windows.crlf": "a\nb\n",
    "mixed.auto": "a\nb\n",
    "expanded.id": "$Id$\n",
  });
  git(directory, "remote", "add", "origin", "https://ada:secret-token@example.com/Ada/project.git");
  git(directory, "submodule", "--quiet", "add", library, "vendor/library");
  git(directory, "commit", "--quiet", "--message", "with a submodule");
  git(directory, "tag", "v1");

  git(directory, "mv", "to-rename", "renamed name");
  git(directory, "rm", "--quiet", "to-delete");
  rmSync(join(directory, "to-delete-unstaged"));
  put(directory, { "to-edit": "after\n", "to-stage-and-edit": "two\n" });
  git(directory, "add", "to-stage-and-edit");
  put(directory, { "to-stage-and-edit": "three\n" });
  rmSync(join(directory, "becomes-directory"));
  rmSync(join(directory, "becomes-link"), { recursive: true });
  symlinkSync("vendor", join(directory, "becomes-link"));
  chmodSync(join(directory, "script.sh"), 0o755);
  chmodSync(join(directory, "tool.sh"), 0o755);
  git(directory, "add", "tool.sh");
  const binary = Buffer.concat([Buffer.from([0, 255, 13, 10, 10]), randomBytes(200_000)]);
  put(directory, {
    "becomes-directory/inside": "a directory now\n",
    "staged-new": "staged\n",
    "staged.bin": binary.subarray(0, 1000),
    "windows.crlf": "a\r\nb\nc\r\n",
    "mixed.auto": "a\r\nb\r\n",
    "untracked/binary.bin": binary,
    "untracked/deep/er/ünï cödé\nwith a line": "odd\n",
    'untracked/quote " and \\ backslash': "odd\n",
    "untracked/empty": "",
    "ignored/stays-home": "no\n",
    "debug.log": "no\n",
    intent: "to add\n",
  });
  git(directory, "add", "staged-new", "staged.bin", "windows.crlf");
  git(directory, "add", "--intent-to-add", "intent");
  symlinkSync("../nowhere at all", join(directory, "untracked/dangling"));
  chmodSync(join(directory, "untracked/binary.bin"), 0o755);

  const submodule = join(directory, "vendor/library");
  git(submodule, "config", "user.name", "Ada");
  git(submodule, "config", "user.email", "ada@example.com");
  put(submodule, { "lib.c": "int two;\n" });
  git(submodule, "commit", "--quiet", "--all", "--message", "in the submodule");
  put(submodule, { "deep/file": "dirty\n", "new in submodule": "new\n" });
  renameSync(join(submodule, "lib.c"), join(submodule, "moved.c"));
}

/** Each file of a tree with mode and content, without Git's own and what is ignored. */
export function filesOf(directory: string, ignored: readonly string[] = []): Map<string, string> {
  const files = new Map<string, string>();
  walk("");
  return files;

  function walk(path: string): void {
    for (const name of readdirSync(join(directory, path))) {
      const inner = path === "" ? name : `${path}/${name}`;
      if (name === ".git" || ignored.includes(inner)) continue;
      const stats = lstatSync(join(directory, inner));
      if (stats.isDirectory()) walk(inner);
      else files.set(inner, describe(join(directory, inner)));
    }
  }
}

function describe(file: string): string {
  const stats = lstatSync(file);
  if (stats.isSymbolicLink()) return `link ${readlinkSync(file)}`;
  const bits = (stats.mode & 0o100) === 0 ? "-" : "x";
  return `${bits} ${createHash("sha256").update(readFileSync(file)).digest("hex")}`;
}

/** What Git says of a repository, for comparisons. */
export const QUESTIONS: readonly (readonly string[])[] = [
  ["rev-parse", "HEAD"],
  ["symbolic-ref", "HEAD"],
  ["status", "--porcelain=v2", "--branch", "--untracked-files=all"],
  ["diff", "--binary"],
  ["diff", "--binary", "--cached"],
  ["diff", "--submodule=diff"],
  ["ls-files", "--stage"],
  ["log", "--format=%H %D %an %s"],
];

/** All of a repository that must not change when it is only looked at: each byte, and each time. */
export function everythingOf(directory: string): string[] {
  const found: string[] = [];
  walk(directory);
  return found.sort();

  function walk(path: string): void {
    const stats = lstatSync(path);
    if (stats.isDirectory()) {
      for (const name of readdirSync(path)) walk(join(path, name));
      found.push(`${path} ${stats.mode} ${path.includes("/.git/") ? "" : stats.mtimeMs}`);
      return;
    }
    // An object that is met again becomes young again, in Git: not an object's content.
    const time = path.includes("/objects/") ? "" : stats.mtimeMs;
    found.push(`${path} ${stats.mode} ${time} ${describe(path)}`);
  }
}
