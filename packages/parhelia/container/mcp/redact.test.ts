import { expect, test } from "vitest";
import type { McpServerConfig } from "./read-config.ts";
import { redactor } from "./redact.ts";

const server: McpServerConfig = {
  name: "it",
  transport: "http",
  start: "lazy",
  timeoutMs: 1_000,
  command: "serve",
  args: ["--api-key=argument-secret", "--password", "next-secret", "--port", "8080-8081"],
  env: { ANY: "env-secret", SHORT: "1" },
  url: "https://user:p%C3%A4ssword@h.test/mcp?k=query-secret",
  headers: { Authorization: "Bearer header-secret" },
};
const redact = redactor(
  server,
  { GITHUB_TOKEN: "environment-secret", HOME: "/home/parhelia", EMPTY_KEY: "" },
  ["variable secret"],
);

test.each([
  "argument-secret",
  "next-secret",
  "env-secret",
  "pässword",
  "p%C3%A4ssword",
  "query-secret",
  "header-secret",
  "environment-secret",
  "variable secret",
  "variable%20secret",
])("SPEC-01.AC4: %s is not shown", (secret) => {
  expect(redact(`before "${secret}" after`)).toBe('before "***" after');
});

test("everything else is, in one line of a bearable length", () => {
  const text = "1 error: cannot open /home/parhelia/x\n\tat port 8080-8081";
  expect(redact(text)).toBe("1 error: cannot open /home/parhelia/x at port 8080-8081");
  expect(redact("long ".repeat(1_000))).toHaveLength(300);
});
