import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readText, repositoryFiles, ROOT } from "./tree.ts";

const MOST_CODE_LINES = 350;

/** Folders that the product has reasons of its own to name, should the checkout lie in one. */
const ORDINARY_FOLDERS = ["/", "/home", "/opt", "/root", "/tmp", "/usr/local", "/var/tmp", "/vol"];

const texts = repositoryFiles().map((file) => ({ file, text: readText(file) }));

/** Files in which one of the words stands. */
function filesWith(words: readonly string[]): string[] {
  return texts
    .filter(({ text }) => words.some((word) => new RegExp(standing(word)).test(text)))
    .map(({ file }) => file);
}

/** The word where it is no part of a longer one: neither `/a/bc` nor `~/a/b` names `/a/b`. */
function standing(word: string): string {
  return `(?<![\\w~.-])${word.replaceAll(/[^\w/-]/g, "\\$&")}(?![\\w-])`;
}

/** What a command prints; nothing where this machine has no such command. */
function output(command: string, ...args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

/** Hosts of the addresses in a text. */
function hosts(text: string): string[] {
  return [...text.matchAll(/\bhttps?:\/\/([^/\s:"']+)/g)].map((match) => match[1] ?? "");
}

describe("no file of the repository names", () => {
  test("a path of the machine that it was written on", ({ skip }) => {
    const parent = dirname(ROOT);
    skip(ORDINARY_FOLDERS.includes(parent), `skipped: the product has reasons to name ${parent}`);
    // The checkout, and all that lies beside it: another name below the same folder is only an example's.
    const own = readdirSync(parent).map((name) => join(parent, name));
    expect(own).toContain(ROOT);
    expect(filesWith(own)).toEqual([]);
  });

  test("the host of the npm registry that this user's npm is set up with", () => {
    const registries = output("npm", "config", "ls", "--long", "--json");
    const names = Object.entries(JSON.parse(registries) as Record<string, unknown>)
      .filter(([key]) => /(^|:)registry$/.test(key))
      .flatMap(([, value]) => hosts(String(value)));
    expect(names).not.toEqual([]);
    expect(filesWith(names)).toEqual([]);
  });

  test("the hosts of the package archives that this machine's apt is set up with", () => {
    expect(filesWith(hosts(output("apt-get", "indextargets", "--format", "$(SITE)")))).toEqual([]);
  });
});

describe("every TypeScript file", () => {
  test(`has at most ${MOST_CODE_LINES} lines of code`, () => {
    const sources = texts.filter(
      ({ file }) => file.endsWith(".ts") && !file.includes("/src/generated/"),
    );
    expect(sources.length).toBeGreaterThan(50);
    const long = sources
      .map(({ file, text }) => ({ file, lines: codeLines(text) }))
      .filter(({ lines }) => lines > MOST_CODE_LINES);
    expect(long).toEqual([]);
  });
});

/** Lines that are neither empty nor comment: as the linter counts them. */
function codeLines(text: string): number {
  const withoutBlocks = text.replace(/^\s*\/\*[^]*?\*\/\s*$/gm, "");
  return withoutBlocks.split("\n").filter((line) => !/^\s*(\/\/.*)?$/.test(line)).length;
}
