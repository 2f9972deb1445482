import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { UserError } from "../errors.ts";
import { MAX_SESSION_NAME_LENGTH, checkSessionName, generateSessionName } from "./session-name.ts";

function refusal(name: string): UserError {
  try {
    checkSessionName(name);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`${name} was accepted`);
}

describe("a session's name", () => {
  test.each(["a", "Work.2_x-y", "9lives", "x".repeat(63)])("%s is accepted as it is", (name) => {
    expect(checkSessionName(name)).toBe(name);
  });

  test.each([
    ["my work", "my-work"],
    ["fix/issue #7", "fix-issue-7"],
    ["Überblick", "Uberblick"],
    ["-rf", "rf"],
    ["../etc", "etc"],
    ["a\nb", "a-b"],
    ["x".repeat(64), "x".repeat(63)],
    [`${"x".repeat(62)} y`, "x".repeat(62)],
    ["a..b", "a.b"],
    ["release.", "release"],
    ["cargo.lock", "cargo-lock"],
    ["work.before-20261126T020000.000Z", "work-before-20261126T020000.000Z"],
    ["work.restoring", "work-restoring"],
  ])("%j is refused, and %s suggested", (name, suggestion) => {
    expect(refusal(name).exitStatus).toBe(2);
    expect(refusal(name).hint).toBe(`use a name such as ${suggestion}`);
    expect(checkSessionName(suggestion)).toBe(suggestion);
  });

  test.each(["", "..", "日本", "   "])("%j is refused, and a whole new name suggested", (name) => {
    const suggestion = refusal(name).hint.replace("use a name such as ", "");
    expect(checkSessionName(suggestion)).toBe(suggestion);
  });

  test.each(["p-0123456789abcdef", "repository.git", "project.json"])(
    "%s is refused: it names something else on the volume",
    (name) => {
      expect(refusal(name).message).toContain("Parhelia names something else so");
    },
  );

  test.each(["a..b", "release.", "cargo.lock"])("%s is refused: it names no branch", (name) => {
    expect(refusal(name).message).toContain("no branch of Git can be called so");
    expect(() =>
      execFileSync("git", ["check-ref-format", "--branch", name], { stdio: "ignore" }),
    ).toThrow();
  });

  test("the length is said in numbers", () => {
    expect(refusal("x".repeat(80)).message).toContain("it has 80 characters, 63 are allowed");
  });

  test("a made-up name is valid, readable, and rarely the same", () => {
    const names = Array.from({ length: 1000 }, generateSessionName);
    for (const name of names) {
      expect(checkSessionName(name)).toMatch(/^[a-z]+-[a-z]+-[0-9a-f]{3}$/);
      expect(name.length).toBeLessThan(MAX_SESSION_NAME_LENGTH);
    }
    expect(new Set(names).size).toBeGreaterThan(980);
  });
});
