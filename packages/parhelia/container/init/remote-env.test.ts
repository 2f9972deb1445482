import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { INITIAL_REMOTE_ENV, parseRemoteEnv, readRemoteEnv } from "./remote-env.ts";

const parse = (text: string) => Object.fromEntries(parseRemoteEnv(text, "remote.env"));

test("keys, quotes, comments and export", () => {
  const text = [
    "# comment",
    "",
    "A=1",
    "  export B = nothing".replace(" = ", "="),
    "C=a b  # comment",
    "D=#no comment",
    "E='single $x \\n' # comment",
    'F="double \\"q\\" \\$x \\\\ \\n."',
    "G=",
    "H=x=y",
    "A=2\r",
  ].join("\n");
  expect(parse(text)).toEqual({
    A: "2",
    B: "nothing",
    C: "a b",
    D: "#no comment",
    E: "single $x \\n",
    F: 'double "q" $x \\ \n.',
    G: "",
    H: "x=y",
  });
});

test.each([
  ["no equals sign", "A=1\nhunter2", "remote.env line 2: there is no KEY="],
  [
    "a name with a dash",
    "MY-KEY=hunter2",
    "remote.env line 1: the name before = is not a variable's name",
  ],
  ["spaces around the equals sign", "KEY = hunter2", "remote.env line 1: there is no KEY="],
  ["an open quote", '\nKEY="hunter2', "remote.env line 2: the quotes of KEY's value do not close"],
  [
    "text after the quotes",
    "KEY='hun'ter2",
    "remote.env line 1: the quotes of KEY's value do not close",
  ],
])("%s is an error that names the line and never the value", (_, text, message) => {
  expect(() => parse(text)).toThrow(message);
  expect(() => parse(text)).not.toThrow("hunter2");
});

test("SPEC-01 Remote Environment Config: the file is made with the specification's content on first use", () => {
  const directory = mkdtempSync(join(tmpdir(), "parhelia-env-"));
  try {
    const file = join(directory, "remote.env");
    expect(Object.fromEntries(readRemoteEnv(file))).toEqual({
      PARHELIA_VOLUME_ROOT: "/vol/parhelia",
      PARHELIA_CHECKPOINT_DIR: "/vol/parhelia/checkpoints",
      PARHELIA_WORKSPACE_DIR: "/vol/parhelia/workspaces",
      CLAUDE_CODE_HEADLESS: "1",
      CLAUDE_CODE_NO_BROWSER: "1",
      PARHELIA_METRICS_ENABLED: "true",
      PARHELIA_METRICS_PORT: "9090",
    });
    expect(readFileSync(file, "utf8")).toBe(INITIAL_REMOTE_ENV);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
