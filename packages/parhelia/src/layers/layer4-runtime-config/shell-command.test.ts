import { expect, test } from "vitest";
import { innerScript, splitCommand } from "./shell-command.ts";

function programs(command: string): string[] {
  return splitCommand(command)
    .filter(({ isProgram }) => isProgram)
    .map(({ text }) => text);
}

test.each([
  ["jq -r .x", ["jq"]],
  [
    "A=1 B='2 3' node x.js && exec python3 y.py | tee z > out; true",
    ["node", "python3", "tee", "true"],
  ],
  [`"/a b/c.sh" "$X"`, ["/a b/c.sh"]],
  ["/a\\ b/c.sh --x", ["/a b/c.sh"]],
  ["if [ -f x ]; then rg y; fi", ["[", "rg", "fi"]],
  ["sudo env -i", ["-i"]],
  ["echo $(git rev-parse HEAD)", ["echo", "git"]],
  ["cat # | rg in a comment\nls", ["cat", "ls"]],
  ["! grep -q 'a && b' < in 2>&1", ["grep"]],
  ["", []],
])("%s runs %j", (command, expected) => {
  expect(programs(command)).toEqual(expected);
});

test("quotes and backslashes are gone from the words", () => {
  const words = splitCommand(`a "b 'c' \\"d\\"" 'e "f"' g\\ h i"j"'k'`).map(({ text }) => text);
  expect(words).toEqual(["a", `b 'c' "d"`, `e "f"`, "g h", "ijk"]);
});

test("the script of a shell is found", () => {
  expect(innerScript(splitCommand("bash -lc 'node x'"))).toBe("node x");
  expect(innerScript(splitCommand("/bin/sh -c true"))).toBe("true");
  expect(innerScript(splitCommand("bash x.sh -c"))).toBeUndefined();
  expect(innerScript(splitCommand("grep -c x"))).toBeUndefined();
});
