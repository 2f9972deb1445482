import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connectServer } from "./connect-server.ts";
import { prepareServer } from "./prepare-server.ts";
import type { McpServerConfig } from "./read-config.ts";
import { pauseMs } from "./supervise-server.ts";

const SERVER = join(import.meta.dirname, "../../../../test/support/mcp-server.ts");
const STDIO = `exec "${process.execPath}" "${SERVER}" stdio`;

/** A stdio server that is a shell script. */
function prepared(script: string, parts: Partial<McpServerConfig> = {}) {
  const config: McpServerConfig = {
    name: "it",
    transport: "stdio",
    start: "lazy",
    timeoutMs: 20_000,
    command: "/bin/sh",
    args: ["-c", script],
    env: {},
    cwd: "/",
    headers: {},
    ...parts,
  };
  return prepareServer(config, process.env);
}

/** Processes of a group, without those that have ended and that nobody has asked about yet. */
function membersOf(group: number | null | undefined): string[] {
  const lines = execFileSync("ps", ["-A", "-o", "pgid=,stat=,args="], { encoding: "utf8" });
  const [, ...members] = lines.split(new RegExp(`^ *${group ?? "none"} +(?!Z)`, "m"));
  return members.map((member) => member.split("\n", 1)[0] ?? "");
}

test("D8: a server that also prints other things is understood, and ended with its group", async () => {
  const script = `echo starting; echo '{"no": "message"}'; sleep 100 & ${STDIO} one two`;
  const connected = await connectServer(prepared(script));
  expect(connected.tools).toEqual(["one", "two"]);
  expect(connected.startupMs).toBeGreaterThan(0);
  expect(membersOf(connected.process?.pid)).toHaveLength(2);
  await connected.process?.stop();
  await expect.poll(() => membersOf(connected.process?.pid)).toEqual([]);
});

test("a server without tools has answered, too", async () => {
  const connected = await connectServer(prepared(STDIO));
  await connected.process?.stop();
  expect(connected.tools).toEqual([]);
});

test("one that ends says how, with its last words, without its secrets", async () => {
  const env = { TOKEN: "not for anybody" };
  const script = 'echo "first"; echo "no use for $TOKEN" >&2; exit 7';
  await expect(connectServer(prepared(script, { env }))).rejects.toThrow(
    /^ended with status 7: no use for \*\*\*$/,
  );
  await expect(connectServer(prepared("kill -9 $$"))).rejects.toThrow("ended by SIGKILL");
});

test("one that hangs is given up at its deadline, and nothing of it stays", async () => {
  let pid: number | null = null;
  const connecting = connectServer(
    prepared("trap '' TERM; sleep 100 & sleep 100", { timeoutMs: 300 }),
    (process) => (pid = process.pid),
  );
  await expect(connecting).rejects.toThrow("no answer to a handshake within 300 ms");
  expect(pid).toBeGreaterThan(0);
  await expect.poll(() => membersOf(pid)).toEqual([]);
});

test("what is missing is said before anything is started", () => {
  expect(() => prepared("", { command: "no-such-program" })).toThrow(
    "the program no-such-program is not in the sandbox",
  );
  expect(() => prepared("", { cwd: "/nonexistent" })).toThrow(
    "its working directory /nonexistent is not there",
  );
  expect(() => prepared("", { args: ["${PARHELIA_UNSET_1}", "${PARHELIA_UNSET_2}"] })).toThrow(
    "PARHELIA_UNSET_1 and PARHELIA_UNSET_2 are not set in the sandbox",
  );
});

test("pauses between attempts double, up to half a minute", () => {
  expect([1, 2, 3, 4, 7, 100].map(pauseMs)).toEqual([500, 1_000, 2_000, 4_000, 30_000, 30_000]);
});
