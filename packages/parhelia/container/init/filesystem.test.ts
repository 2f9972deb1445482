import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeFileAtomically } from "../write-file.ts";
import { linkTo } from "./home-link.ts";
import { prepareVolume } from "./volume.ts";

/** The tests' own user: only root could give files away. */
const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

let root: string;
const at = (path: string) => join(root, path);
beforeEach(() => (root = mkdtempSync(join(tmpdir(), "parhelia-init-"))));
afterEach(() => rmSync(root, { recursive: true }));

describe("the link to the configuration (SPEC-01.13 step 1, SPEC-01.AC6)", () => {
  test("is made, and stays when it is right", () => {
    expect(linkTo(at(".claude"), "/target")).toBeNull();
    const made = lstatSync(at(".claude")).ino;
    expect(linkTo(at(".claude"), "/target")).toBeNull();
    expect(readlinkSync(at(".claude"))).toBe("/target");
    expect(lstatSync(at(".claude")).ino).toBe(made);
  });

  test("replaces a link that leads elsewhere, without following it", () => {
    mkdirSync(at("elsewhere"));
    symlinkSync(at("elsewhere"), at(".claude"));
    expect(linkTo(at(".claude"), "/target")).toBeNull();
    expect(readlinkSync(at(".claude"))).toBe("/target");
    expect(readdirSync(at("elsewhere"))).toEqual([]);
  });

  test("moves an existing directory aside, with what is in it", () => {
    mkdirSync(at(".claude"));
    writeFileSync(at(".claude/history.jsonl"), "kept");
    const movedTo = linkTo(at(".claude"), "/target", new Date("2026-11-23T19:16:29.123Z"));
    expect(movedTo).toBe(at(".claude.moved-20261123T191629Z"));
    expect(readFileSync(at(".claude.moved-20261123T191629Z/history.jsonl"), "utf8")).toBe("kept");
    expect(readlinkSync(at(".claude"))).toBe("/target");
  });
});

describe("the volume's structure (SPEC-01.12, D6)", () => {
  const directories = () => [at("vol"), at("vol/config")].map((path) => ({ path, ...owner }));

  test("is made, kept with its content, and made safe again", () => {
    prepareVolume(directories());
    writeFileSync(at("vol/config/kept"), "");
    rmSync(at("vol/config/kept"));
    mkdirSync(at("vol/config/inner"), { mode: 0o700 });
    statSync(at("vol"));
    prepareVolume(directories());
    expect(statSync(at("vol/config")).mode & 0o7777).toBe(0o755);
    expect(statSync(at("vol/config/inner")).mode & 0o7777).toBe(0o700);
  });

  test("a directory that others could write is closed", () => {
    mkdirSync(at("vol"), { mode: 0o777 });
    prepareVolume(directories());
    expect(statSync(at("vol")).mode & 0o7777).toBe(0o755);
  });

  test("a link in a directory's place is refused, not followed", () => {
    mkdirSync(at("vol"));
    symlinkSync("/etc", at("vol/config"));
    expect(() => prepareVolume(directories())).toThrow(`${at("vol/config")} is not a directory`);
  });
});

test("a file is written in one piece, and a link in the way is not followed", () => {
  writeFileSync(at("victim"), "untouched");
  symlinkSync(at("victim"), at("file.new"));
  writeFileAtomically(at("file"), "content", { mode: 0o640, owner });
  expect(readFileSync(at("file"), "utf8")).toBe("content");
  expect(statSync(at("file")).mode & 0o777).toBe(0o640);
  expect(readFileSync(at("victim"), "utf8")).toBe("untouched");
  expect(existsSync(at("file.new"))).toBe(false);
});
