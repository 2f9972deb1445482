import { expect, test } from "vitest";
import { TerminalModes } from "./terminal-modes.ts";

const RESET = "\u001B>\u001B(B\u000F\u001B[0m\u001B[>4;0m";

function after(...output: string[]): string {
  const modes = new TerminalModes();
  for (const piece of output) modes.watch(Buffer.from(piece));
  return modes.restoration();
}

test("a program that sets nothing, or resets all that it set, needs no restoration", () => {
  expect(after("\u001B[31mred\u001B[0m\r\n")).toBe("");
  expect(
    after(
      "\u001B[?1049h\u001B[?25l\u001B[?1000;1006h",
      "\u001B[?1000;1006l\u001B[?25h\u001B[?1049l",
    ),
  ).toBe("");
});

test("modes that cannot be left on by mistake stay as they are", () => {
  expect(after("\u001B[?7h\u001B[?12l")).toBe("");
});

test("what was left on is reset, the alternate screen last", () => {
  expect(after("\u001B[?1049h\u001B[?2004h\u001B[?1002;1006h\u001B[?25l")).toBe(
    `${RESET}\u001B[r\u001B[?25h\u001B[?1002l\u001B[?1006l\u001B[?2004l\u001B[?1049l`,
  );
  expect(after("\u001B[?1h")).toBe(`${RESET}\u001B[?1l`);
});

test("a sequence is seen however the output is cut", () => {
  const sequence = "text\u001B[?1049;2004hmore";
  for (let cut = 1; cut < sequence.length; cut += 1) {
    expect(after(sequence.slice(0, cut), sequence.slice(cut))).toContain(
      "\u001B[?2004l\u001B[?1049l",
    );
  }
  expect(after(...Array.from(sequence))).toContain("\u001B[?1049l");
});

test("other sequences and text with the same characters are left alone", () => {
  expect(after("[?1049h \u001B[1049h \u001B]0;?1049h\u0007")).toBe("");
  expect(after("\u001B[", "1049h", "?1049h")).toBe("");
});
