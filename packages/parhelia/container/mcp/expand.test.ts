import { expect, test } from "vitest";
import { expandServer } from "./expand.ts";
import type { McpServerConfig } from "./read-config.ts";

function serverWith(parts: Partial<McpServerConfig>): McpServerConfig {
  return {
    name: "it",
    transport: "stdio",
    start: "lazy",
    timeoutMs: 1_000,
    args: [],
    env: {},
    headers: {},
    ...parts,
  };
}

test("D8: variables are replaced everywhere in a server's description", () => {
  const { server, missing, values } = expandServer(
    serverWith({
      command: "${BIN}/serve",
      args: ["--root", "${ROOT}", "$ROOT", "${not a name}"],
      env: { TOKEN: "${TOKEN}", BOTH: "${ROOT}:${TOKEN}" },
      cwd: "${ROOT}/work",
      url: "http://${HOST:-127.0.0.1}:${PORT:-8080}/mcp",
      headers: { Authorization: "Bearer ${TOKEN}" },
    }),
    { BIN: "/opt/bin", ROOT: "/r", TOKEN: "tööken", PORT: "99" },
  );
  expect(server).toMatchObject({
    command: "/opt/bin/serve",
    args: ["--root", "/r", "$ROOT", "${not a name}"],
    env: { TOKEN: "tööken", BOTH: "/r:tööken" },
    cwd: "/r/work",
    url: "http://127.0.0.1:99/mcp",
    headers: { Authorization: "Bearer tööken" },
  });
  expect(missing).toEqual([]);
  expect(new Set(values)).toEqual(new Set(["/opt/bin", "/r", "tööken", "127.0.0.1", "99"]));
});

test("a default stands in for a variable that is not set, not for an empty one", () => {
  const args = ["${EMPTY:-default}", "${UNSET:-default}", "${UNSET:-}", "${UNSET:-http://a:1}"];
  expect(expandServer(serverWith({ args }), { EMPTY: "" })).toMatchObject({
    server: { args: ["", "default", "", "http://a:1"] },
    missing: [],
  });
});

test("a value is not expanded again", () => {
  const { server } = expandServer(serverWith({ args: ["${A}"] }), { A: "${B} $& $1", B: "b" });
  expect(server.args).toEqual(["${B} $& $1"]);
});

test("variables that are not set are named, each once", () => {
  const { missing } = expandServer(
    serverWith({ args: ["${ONE}", "${TWO}", "${ONE}"], headers: { A: "${THREE}" } }),
    {},
  );
  expect(missing).toEqual(["ONE", "TWO", "THREE"]);
});
