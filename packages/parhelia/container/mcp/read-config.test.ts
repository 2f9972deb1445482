import { expect, test } from "vitest";
import { summarize } from "./launcher.ts";
import { parseMcpConfig, readMcpConfig } from "./read-config.ts";

const parse = (mcpServers: unknown, others = {}) =>
  parseMcpConfig(JSON.stringify({ ...others, mcpServers }));

/** What a description leaves out. */
const DEFAULTS = { start: "lazy", timeoutMs: 10_000, args: [], env: {}, headers: {} };

test("no file, or none configured, is fine", () => {
  const absent = readMcpConfig("/nonexistent/mcp_config.json");
  expect(absent).toEqual({
    source: "/nonexistent/mcp_config.json",
    state: "absent",
    servers: [],
    problems: [],
  });
  expect(summarize(absent)).toBe("parhelia-mcp-launcher configured: none");
  expect(parseMcpConfig("{}")).toEqual({ state: "valid", servers: [], problems: [] });
});

test("D8: servers of each transport; lazy is the default", () => {
  const found = parse({
    files: { command: "mcp-files", args: ["/work"], env: { TOKEN: "hunter2" } },
    search: {
      type: "http",
      url: "https://search.test/mcp",
      headers: { Authorization: "hunter2" },
      start: "eager",
    },
    old: { type: "sse", url: "http://127.0.0.1:1/sse" },
  });
  expect(found).toEqual({
    state: "valid",
    servers: [
      {
        ...DEFAULTS,
        name: "files",
        transport: "stdio",
        command: "mcp-files",
        args: ["/work"],
        env: { TOKEN: "hunter2" },
      },
      {
        ...DEFAULTS,
        name: "search",
        transport: "http",
        start: "eager",
        url: "https://search.test/mcp",
        headers: { Authorization: "hunter2" },
      },
      { ...DEFAULTS, name: "old", transport: "sse", url: "http://127.0.0.1:1/sse" },
    ],
    problems: [],
  });
  expect(summarize({ source: "f", ...found })).toBe(
    "parhelia-mcp-launcher configured: files (stdio), search (http), old (sse)",
  );
});

test("D8: a server is eager by its own word, by the word for all, or as a program over HTTP", () => {
  const starts = (others: object) =>
    parse(
      {
        stdio: { command: "x" },
        remote: { type: "http", url: "http://h.test" },
        program: { type: "http", url: "${URL}", command: "x", cwd: "/work", timeoutMs: 500 },
        own: { command: "x", start: "lazy" },
      },
      others,
    ).servers.map(({ start }) => start);
  expect(starts({})).toEqual(["lazy", "lazy", "eager", "lazy"]);
  expect(starts({ start: "eager" })).toEqual(["eager", "eager", "eager", "lazy"]);
  expect(starts({ start: "lazy" })).toEqual(["lazy", "lazy", "lazy", "lazy"]);
  expect(parse({}, { start: "hunter2" })).toEqual({
    state: "malformed",
    servers: [],
    problems: ['"start" must be "lazy" or "eager"'],
  });
});

test.each([
  ["no command", {}, '"command" must be a program\'s name'],
  ["args that are no list", { command: "x", args: "hunter2" }, '"args" must be a list of strings'],
  ["a number in env", { command: "x", env: { A: 1 } }, '"env" must hold strings'],
  ["an unknown type", { type: "hunter2" }, '"type" must be one of stdio, http, sse'],
  ["no address", { type: "http" }, '"url" must be an http or https address'],
  [
    "an address of another kind",
    { type: "http", url: "file:///hunter2" },
    '"url" must be an http or https address',
  ],
  [
    "headers that are no strings",
    { type: "sse", url: "http://h.test", headers: [1] },
    '"headers" must hold strings',
  ],
  ["an unknown start", { command: "x", start: "hunter2" }, '"start" must be "lazy" or "eager"'],
  [
    "a deadline that is no time",
    { command: "x", timeoutMs: "hunter2" },
    '"timeoutMs" must be a number of milliseconds above 0',
  ],
  ["a directory that is none", { command: "x", cwd: 1 }, '"cwd" must be a directory'],
  [
    "an address without a type",
    { url: "http://hunter2.test" },
    '"type" must be "http" or "sse" where "url" is an address',
  ],
  ["no object", "hunter2", "must be an object"],
])(
  "%s is reported by its place, without its value, and hides no other server",
  (_, server, problem) => {
    const found = parse({ wrong: server, right: { command: "y" } });
    expect(found).toEqual({
      state: "malformed",
      servers: [{ ...DEFAULTS, name: "right", transport: "stdio", command: "y" }],
      problems: [`mcpServers.wrong: ${problem}`],
    });
    expect(summarize({ source: "f", ...found })).toContain(
      `\nparhelia-mcp-launcher f mcpServers.wrong: ${problem}`,
    );
  },
);

test("a file that is no JSON is reported without quoting it", () => {
  expect(parseMcpConfig('{"a": hunter2}')).toEqual({
    state: "malformed",
    servers: [],
    problems: ["is not valid JSON"],
  });
  expect(parseMcpConfig("[]").problems).toEqual(['"mcpServers" must be an object']);
});
