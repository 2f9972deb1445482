import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { fetchClaudeCode } from "./claude-code.ts";
import { runProgram, type ProgramResult } from "./run-program.ts";
import {
  callTool,
  overloaded,
  say,
  startScriptedMessagesApi,
  toolResults,
  unauthorized,
  type ScriptedMessagesApi,
  type Turn,
} from "./scripted-messages-api.ts";

const DUMMY_KEY = "sk-ant-not-a-real-key";
const TURN_TIMEOUT_MS = 60_000;

async function startApi(...turns: Turn[]): Promise<ScriptedMessagesApi> {
  const api = await startScriptedMessagesApi({ turns });
  onTestFinished(() => api.close());
  return api;
}

function post(api: ScriptedMessagesApi, path: string, body: unknown): Promise<Response> {
  return fetch(`${api.url}${path}`, { method: "POST", body: JSON.stringify(body) });
}

const conversation = {
  model: "some-model",
  tools: [{ name: "Bash" }],
  messages: [{ role: "user", content: "say hi" }],
};

describe("the scripted Messages API by itself", () => {
  test("answers without stream in one JSON message", async () => {
    const api = await startApi(say("hello"));
    const response = await post(api, "/v1/messages?beta=true", conversation);
    expect(await response.json()).toMatchObject({
      type: "message",
      role: "assistant",
      model: "some-model",
      content: [{ type: "text", text: "hello" }],
      stop_reason: "end_turn",
    });
  });

  test("streams a tool call whose input has to be put together", async () => {
    const api = await startApi(callTool("Bash", { command: "echo hi" }));
    const response = await post(api, "/v1/messages", { ...conversation, stream: true });
    const events = (await response.text())
      .split("\n\n")
      .filter((event) => event !== "")
      .map((event) => JSON.parse(event.split("\ndata: ")[1] ?? "") as Record<string, unknown>);
    const deltas = events.filter(({ type }) => type === "content_block_delta");
    const input = deltas.map(({ delta }) => (delta as { partial_json: string }).partial_json);
    expect(events.map(({ type }) => type)).toEqual([
      "message_start",
      "ping",
      "content_block_start",
      ...deltas.map(() => "content_block_delta"),
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(deltas.length).toBeGreaterThan(1);
    expect(JSON.parse(input.join(""))).toEqual({ command: "echo hi" });
  });

  test("answers calls without tools beside the script", async () => {
    const api = await startApi(say("for the conversation"));
    const side = await post(api, "/v1/messages", { ...conversation, tools: [] });
    expect(await side.json()).toMatchObject({ content: [{ type: "text" }] });
    expect(api.turnsLeft).toBe(1);
    expect(api.requests.map(({ kind }) => kind)).toEqual(["side"]);
  });

  test("fails the request that comes after the last turn", async () => {
    const api = await startApi();
    const response = await post(api, "/v1/messages", conversation);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error" },
    });
  });

  test("counts tokens, says hello, and answers anything else with the API's own 404", async () => {
    const api = await startApi();
    const count = await post(api, "/v1/messages/count_tokens", conversation);
    expect(await count.json()).toEqual({ input_tokens: expect.any(Number) as number });
    expect((await fetch(api.url, { method: "HEAD" })).status).toBe(200);
    const unknown = await fetch(`${api.url}/v1/unheard-of`);
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { type: "not_found_error" } });
    expect(api.requests.map(({ path, status }) => `${path} ${status}`)).toEqual([
      "/v1/messages/count_tokens 200",
      "/ 200",
      "/v1/unheard-of 404",
    ]);
  });
});

const claudeCode = await fetchClaudeCode();
if ("unavailable" in claudeCode) {
  process.stderr.write(`skipped: no real Claude Code to test with: ${claudeCode.unavailable}\n`);
}

describe.skipIf("unavailable" in claudeCode)("the real Claude Code speaks to it", () => {
  const home = mkdtempSync(join(tmpdir(), "parhelia-claude-"));
  const claude = "path" in claudeCode ? claudeCode.path : "";

  // The first start reads a program of hundreds of megabytes: not part of any test's time.
  beforeAll(() => runClaude("http://127.0.0.1:9", ["--version"]), TURN_TIMEOUT_MS);
  afterAll(() => rmSync(home, { recursive: true }));

  function runClaude(url: string, args: readonly string[]): Promise<ProgramResult> {
    return runProgram(claude, args, {
      cwd: home,
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        ANTHROPIC_BASE_URL: url,
        ANTHROPIC_API_KEY: DUMMY_KEY,
        DISABLE_UPDATES: "1",
      },
      timeoutMs: TURN_TIMEOUT_MS,
    });
  }

  test("a turn of text", { timeout: TURN_TIMEOUT_MS }, async () => {
    const api = await startApi(say("Hello from the script, with ünïcödé ✓"));
    const result = await runClaude(api.url, ["-p", "say hi"]);
    expect(result).toMatchObject({
      exitStatus: 0,
      stdout: "Hello from the script, with ünïcödé ✓\n",
    });
    expect(api.mainRequests).toHaveLength(1);
    expect(api.mainRequests[0]?.headers["x-api-key"]).toBe(DUMMY_KEY);
    expect(JSON.stringify(api.mainRequests[0]?.body?.messages)).toContain("say hi");
  });

  test("a turn with tools, whose results come back", { timeout: TURN_TIMEOUT_MS }, async () => {
    const file = join(home, "written.txt");
    const api = await startApi(
      callTool("Bash", { command: "echo from-$((40+2))", description: "Print a word" }),
      callTool("Write", { file_path: file, content: "by claude" }),
      say("Done."),
    );
    const result = await runClaude(api.url, ["-p", "go", "--allowedTools", "Bash", "Write"]);
    expect(result).toMatchObject({ exitStatus: 0, stdout: "Done.\n" });
    expect(toolResults(api.mainRequests[1])).toEqual(["from-42"]);
    expect(toolResults(api.mainRequests[2])).toHaveLength(2);
    expect(existsSync(file) && readFileSync(file, "utf8")).toBe("by claude");
    expect(api.turnsLeft).toBe(0);
  });

  test("a stream of JSON with partial messages", { timeout: TURN_TIMEOUT_MS }, async () => {
    const api = await startApi(say("one two three", { pauseMs: 20 }));
    const flags = ["--output-format", "stream-json", "--verbose", "--include-partial-messages"];
    const result = await runClaude(api.url, ["-p", "count", ...flags]);
    expect(result.exitStatus).toBe(0);
    const lines = result.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const events = lines.filter(({ type }) => type === "stream_event");
    const deltas = events
      .map(({ event }) => event as { delta?: { text?: string } })
      .flatMap(({ delta }) => delta?.text ?? []);
    expect(deltas.length).toBeGreaterThan(1);
    expect(deltas.join("")).toBe("one two three");
    expect(lines.at(-1)).toMatchObject({ type: "result", subtype: "success" });
  });

  test("an overloaded API is asked again", { timeout: TURN_TIMEOUT_MS }, async () => {
    const api = await startApi(overloaded(), say("after all"));
    const result = await runClaude(api.url, ["-p", "say hi"]);
    expect(result).toMatchObject({ exitStatus: 0, stdout: "after all\n" });
    expect(api.mainRequests.map(({ status }) => status)).toEqual([529, 200]);
  });

  test("a refused key ends the turn with an error", { timeout: TURN_TIMEOUT_MS }, async () => {
    const api = await startApi(unauthorized());
    const result = await runClaude(api.url, ["-p", "say hi"]);
    expect(result.exitStatus).toBe(1);
    expect(`${result.stdout}${result.stderr}`).toMatch(/api key/i);
    expect(api.mainRequests[0]?.status).toBe(401);
  });
});
