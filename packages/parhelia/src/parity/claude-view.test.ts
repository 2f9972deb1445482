import { expect, test } from "vitest";
import { readView } from "./claude-view.ts";

const INIT = {
  type: "system",
  subtype: "init",
  cwd: "/work",
  claude_code_version: "2.1.330",
  model: "claude-opus-5-5",
  permissionMode: "plan",
  output_style: "default",
  tools: ["Bash"],
  mcp_servers: [{ name: "own", status: "connected", source: "user" }],
  slash_commands: ["ship"],
  agents: ["reviewer"],
  skills: ["deploy"],
  plugins: [{ name: "alpha", path: "/p", source: "alpha@acme" }],
};

const REMINDER = [
  "<system-reminder>",
  "Codebase and user instructions are shown below.",
  "",
  "Contents of /home/jörg m/.claude/CLAUDE.md (user's private global instructions for all projects):",
  "",
  "Two lines",
  "about Contents of (nothing).",
  "",
  "Contents of /project/CLAUDE.md (project instructions, checked into the codebase):",
  "",
  "One.",
  "</system-reminder>",
].join("\n");

function requestWith(...texts: string[]) {
  const content = texts.map((text) => ({ type: "text", text }));
  return { model: "m", messages: [{ role: "user", content }] };
}

test("a view has what the first event says, and the memory of the first request", () => {
  const stdout = `a warning that is no JSON\n${JSON.stringify(INIT)}\n`;
  const request = requestWith(REMINDER, "Contents of /not/memory.md (typed by the user):\n\nNo.");
  const view = readView(stdout, request);
  expect(view?.version).toEqual(new Map([["", "2.1.330"]]));
  expect(view?.mcpServers).toEqual(new Map([["own", "connected"]]));
  expect(view?.serverSources).toEqual(new Map([["own", "user"]]));
  expect(view?.plugins).toEqual(new Map([["alpha@acme", ""]]));
  expect(view?.memoryFiles).toEqual(
    new Map([
      ["/home/jörg m/.claude/CLAUDE.md", "Two lines\nabout Contents of (nothing)."],
      ["/project/CLAUDE.md", "One."],
    ]),
  );
});

test("without an event or a request there is no view", () => {
  expect(readView("claude: not today\n", requestWith("hi"))).toBeUndefined();
  expect(readView(JSON.stringify(INIT), undefined)).toBeUndefined();
});
