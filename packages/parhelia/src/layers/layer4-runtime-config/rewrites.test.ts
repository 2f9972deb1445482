import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClaudeHome } from "../../../../../test/support/claude-home.ts";
import type { CollectedConfiguration, SyncItem } from "../sync-tree.ts";
import type { ImagePackages } from "./image-programs.ts";

const CONFIG = "/vol/parhelia/config/claude";

let person: ClaudeHome;

beforeEach(() => {
  person = new ClaudeHome();
});

afterEach(() => {
  person.cleanUp();
});

function collect(imagePackages: ImagePackages = { apt: [], pip: [] }): CollectedConfiguration {
  return person.collect({ cwd: join(person.home, "project"), imagePackages });
}

/** What a hook's command becomes, and its item. */
function hook(command: string): { command: string; item: SyncItem | undefined; sent: string[] } {
  person.write(".claude/settings.json", {
    hooks: { PreToolUse: [{ matcher: "Bash", hooks: [{ type: "command", command }] }] },
  });
  const { tree, plan } = collect();
  const text = tree.get("config/claude/settings.json")?.read().toString() ?? "{}";
  const settings = JSON.parse(text) as {
    hooks: { PreToolUse: { hooks: { command: string }[] }[] };
  };
  return {
    command: settings.hooks.PreToolUse[0]?.hooks[0]?.command ?? "",
    item: plan.items.find(({ name }) => name === "PreToolUse Bash"),
    sent: [...tree.keys()].filter((path) => !path.endsWith("settings.json")),
  };
}

/** The entry that a server becomes, and its item. */
function server(
  entry: object,
  imagePackages?: ImagePackages,
): { entry: unknown; item: SyncItem | undefined } {
  person.write(".claude.json", { mcpServers: { it: entry } });
  const { tree, plan } = collect(imagePackages);
  const text = tree.get("config/claude/mcp_config.json")?.read().toString() ?? "{}";
  return {
    entry: (JSON.parse(text) as { mcpServers: { it: unknown } }).mcpServers.it,
    item: plan.items.find(({ kind }) => kind === "mcp-server"),
  };
}

describe("hooks", () => {
  test("a script in the configuration comes with what lies beside it, however it is named", () => {
    person.write(".claude/scripts/format it.sh", "#!/usr/bin/env bash\n. lib.sh\n", 0o755);
    person.write(".claude/scripts/lib.sh", "true");
    const { command, item, sent } = hook(`"${person.home}/.claude/scripts/format it.sh" --fix`);
    expect(command).toBe(`"${CONFIG}/scripts/format it.sh" --fix`);
    expect(sent).toEqual(["config/claude/scripts/format it.sh", "config/claude/scripts/lib.sh"]);
    expect(item).toMatchObject({
      verdict: "rewritten",
      rewrites: [
        {
          from: `${person.home}/.claude/scripts/format it.sh`,
          to: `${CONFIG}/scripts/format it.sh`,
        },
      ],
    });
    const tilde = hook(`~/.claude/scripts/lib.sh && "$HOME"/.claude/scripts/lib.sh`);
    expect(tilde.command).toBe(`~/.claude/scripts/lib.sh && "$HOME"/.claude/scripts/lib.sh`);
    expect(tilde.item?.verdict).toBe("portable");
    expect(tilde.sent).toEqual(sent);
  });

  test("a script from elsewhere in the home directory comes alone", () => {
    person.write("bin/größe.py", "#!/usr/bin/env python3\n", 0o755);
    person.write("bin/other.py", "");
    const target = "from-home/bin/größe.py";
    const { command, sent } = hook(`python3 "$HOME/bin/größe.py" < /dev/null`);
    expect(command).toBe(`python3 "${CONFIG}/${target}" < /dev/null`);
    expect(sent).toEqual([`config/claude/${target}`]);
    expect(hook(`${person.home.replace(" ", "\\ ")}/bin/größe.py`).command).toBe(
      `${CONFIG}/${target}`,
    );
  });

  test("a script's own text names the paths of the sandbox too", () => {
    person.write(".claude/hooks/a.sh", `#!/bin/sh\ncat "${person.home}/.claude/hooks/b"\n`, 0o755);
    hook("~/.claude/hooks/a.sh");
    const file = collect().tree.get("config/claude/hooks/a.sh");
    expect(file?.read().toString()).toBe(`#!/bin/sh\ncat "${CONFIG}/hooks/b"\n`);
    expect(file?.mode).toBe(0o755);
  });

  test("an interpreter of this machine is the image's there, and a missing one is named", () => {
    person.write(".claude/hooks/x.js", "");
    const node = person.write(".nvm/versions/node/v22/bin/node", "\u007fELF", 0o755);
    const { command, item } = hook(`"${node}" ~/.claude/hooks/x.js`);
    expect(command).toBe(`"node" ~/.claude/hooks/x.js`);
    expect(item).toMatchObject({
      verdict: "needs-install",
      rewrites: [{ from: node, to: "node" }],
    });
    expect(item?.detail).toBe(
      'node is not in the image: add "nodejs" to apt under [image] in parhelia.toml, then: parhelia image build',
    );
    expect(hook("/opt/homebrew/bin/python3 -c 'pass'").command).toBe("python3 -c 'pass'");
  });

  test.each([
    ["jq -r .tool_name | tee -a /tmp/log", "needs-install", '"jq" to apt'],
    ["bash -c 'cd /tmp && rg x'", "needs-install", '"ripgrep" to apt'],
    ["afplay /System/Library/Sounds/Glass.aiff", "only-here", "macOS"],
    ["notify-send done", "only-here", "desktop"],
    ["my-own-tool --check", "needs-install", "my-own-tool is not in the image"],
    ["~/bin/compiled", "only-here", "~/bin/compiled is only on this machine"],
    ["~/bin/gone.sh", "only-here", "bin/gone.sh does not exist"],
    ["~/.claude/projects/x.sh", "only-here", "projects/x.sh is never sent"],
    ["~/.claude/shell-snapshots/x.sh", "only-here", "Claude Code's own state"],
    ["cat ~/.ssh/config.sh", "only-here", ".ssh/config.sh is never sent"],
    ["~/.claude/hooks/odd", "only-here", "#!/usr/bin/env python3"],
    ["~/.claude/hooks/uv-run", "needs-install", '"uv" to pip'],
    ["~/.claude/venv/bin/run", "only-here", "a Python environment of this machine"],
    ["cat ~/.claude/hooks/secret.sh", "only-here", "was left out"],
    ["sed -e s/a/b/ | grep -q '/^x/' && echo ok", "portable", ""],
    ["git diff --quiet || { make test; }", "portable", ""],
    ['"$CLAUDE_PROJECT_DIR"/.claude/hooks/x.sh', "portable", ""],
  ])("%s is %s", (command, verdict, detail) => {
    person.write("bin/compiled", "\u007fELF\u0000", 0o755);
    for (const name of [
      ".claude/projects/x.sh",
      ".claude/shell-snapshots/x.sh",
      ".ssh/config.sh",
    ]) {
      person.write(name, "");
    }
    person.write(".claude/hooks/odd", "#!/opt/py/bin/python3\n", 0o755);
    person.write(".claude/hooks/uv-run", "#!/usr/bin/env -S uv run --script\n", 0o755);
    person.write(
      ".claude/hooks/secret.sh",
      ["T=gh", "p_16C7e42F292c6912E7710c838347Ae178B4a"].join(""),
    );
    person.write(".claude/venv/pyvenv.cfg", "home = /usr/bin");
    person.write(".claude/venv/bin/run", "");
    const { item } = hook(command);
    expect(item).toMatchObject({ kind: "hook", verdict });
    expect(item?.detail).toContain(detail);
  });

  test("hooks that are no commands", () => {
    person.write(".claude/settings.json", {
      hooks: {
        Stop: [
          {
            hooks: [
              {
                type: "http",
                url: "http://localhost:9/x",
                headers: { "X-Api-Key": "0123456789abc" },
              },
              { type: "prompt", prompt: `Read ${person.home}/.claude/CLAUDE.md` },
            ],
          },
        ],
      },
    });
    const { tree, plan } = collect();
    const text = tree.get("config/claude/settings.json")?.read().toString() ?? "";
    expect(text).not.toContain("0123456789abc");
    expect(text).toContain(`Read ${CONFIG}/CLAUDE.md`);
    const hooks = plan.items.filter(({ kind }) => kind === "hook");
    expect(hooks.map(({ verdict }) => verdict)).toEqual(["refused", "portable"]);
    expect(hooks[0]?.detail).toContain("localhost is this machine");
  });
});

test("the status line, helpers, permissions, directories and variables have the sandbox's paths", () => {
  person.write(".claude/statusline.sh", "#!/bin/bash\njq .", 0o755);
  person.write(".claude/key.sh", "security find-generic-password", 0o755);
  person.write("project/src/x", "");
  const own = `${person.home}/.claude`;
  person.write(".claude/settings.json", {
    statusLine: {
      type: "command",
      command: `${own.replace(" ", "\\ ")}/statusline.sh`,
      padding: 0,
    },
    apiKeyHelper: "~/.claude/key.sh",
    permissions: {
      allow: [`Read(/${own}/docs/**)`, `Bash(${own}/statusline.sh:*)`, "Read(~/.zshrc)"],
      additionalDirectories: [`${person.home}/project`, "~/.claude/skills"],
    },
    env: { NOTES: `${own}/notes`, WHERE: `${person.home}/project`, PLAIN: "1" },
    claudeMdExcludes: [`${own}/x/**`],
    model: "opus",
  });
  const { tree, plan } = collect();
  const text = tree.get("config/claude/settings.json")?.read().toString() ?? "";
  expect(JSON.parse(text)).toEqual({
    statusLine: { type: "command", command: `${CONFIG}/statusline.sh`, padding: 0 },
    apiKeyHelper: "~/.claude/key.sh",
    permissions: {
      allow: [`Read(/${CONFIG}/docs/**)`, `Bash(${CONFIG}/statusline.sh:*)`, "Read(~/.zshrc)"],
      additionalDirectories: [`${person.home}/project`, "~/.claude/skills"],
    },
    env: { NOTES: `${CONFIG}/notes`, WHERE: `${person.home}/project`, PLAIN: "1" },
    claudeMdExcludes: [`${CONFIG}/x/**`],
    model: "opus",
  });
  const verdict = (name: string): string | undefined =>
    plan.items.find((item) => item.name === name)?.verdict;
  expect(verdict("statusLine")).toBe("rewritten");
  expect(verdict("apiKeyHelper")).toBe("portable");
  expect(verdict("permissions allow")).toBe("rewritten");
  expect(verdict("permissions additionalDirectories")).toBe("only-here");
  expect(verdict("env WHERE")).toBe("only-here");
  expect(tree.has("config/claude/statusline.sh")).toBe(true);
  expect(tree.has("config/claude/key.sh")).toBe(true);
});

describe("SPEC-01.13 MCP servers", () => {
  test("a server in the configuration directory is sent whole, with its paths", () => {
    person.write(".claude/mcp/time/server.ts", "");
    person.write(".claude/mcp/time/lib.ts", "");
    const { entry, item } = server({
      type: "stdio",
      command: "bun",
      args: [`${person.home}/.claude/mcp/time/server.ts`, "--root", "~/.claude/mcp"],
      env: { DATA: `${person.home}/.claude/mcp/data`, PATH: "/opt/bin" },
    });
    expect(entry).toEqual({
      type: "stdio",
      command: "bun",
      args: [`${CONFIG}/mcp/time/server.ts`, "--root", "~/.claude/mcp"],
      env: { DATA: `${CONFIG}/mcp/data` },
    });
    expect(item?.detail).toContain("its PATH is of this machine");
    expect(collect().tree.has("config/claude/mcp/time/lib.ts")).toBe(true);
  });

  test.each([
    [{ command: "npx", args: ["-y", "some-server"] }, "needs-install", '"nodejs", "npm" to apt'],
    [{ command: "uvx", args: ["some-server"] }, "needs-install", '"uv" to pip'],
    [
      { command: "python3", args: ["-m", "mcp_server_git"] },
      "needs-install",
      '"mcp-server-git" to pip',
    ],
    [{ command: "no-such-program" }, "needs-install", "no-such-program is not in the image"],
    [{ command: "docker", args: ["run", "x"] }, "only-here", "container engine"],
    [{ command: "/opt/acme/bin/server" }, "only-here", "/opt/acme/bin/server"],
    [{ command: "bash", args: ["-c", "exec npx x"] }, "needs-install", "npx is not in the image"],
    [{ type: "http", url: "http://127.0.0.1:3000/mcp" }, "only-here", "127.0.0.1 is this machine"],
    [{ type: "http", url: "https://mcp.example.com/", oauth: {} }, "needs-login", "wants a login"],
    [{ type: "http", url: "https://mcp.example.com/" }, "portable", ""],
    [{ type: "sse", url: "https://mcp.example.com/${TEAM}" }, "needs-login", "takes TEAM"],
    [{ type: "http", url: "https://x.example/${TEAM:-blue}" }, "portable", ""],
  ])("%j is %s", (entry, verdict, detail) => {
    const read = server(entry);
    expect(read.item).toMatchObject({ name: "it", verdict });
    expect(read.item?.detail).toContain(detail);
    // Each stays configured: a server that is missing is then seen to be missing.
    expect(read.entry).toEqual(entry);
  });

  test("what [image] adds is not missing", () => {
    const packages = { apt: ["nodejs", "npm=9.2.0"], pip: ["uv>=0.4", "Mcp-Server-Git[x]"] };
    for (const entry of [
      { command: "npx", args: ["-y", "some-server"] },
      { command: "uvx", args: ["some-server"] },
      { command: "python3", args: ["-m", "mcp_server_git"] },
    ]) {
      expect(server(entry, packages).item?.verdict).toBe("portable");
    }
  });

  test("every other server is in the plan: of directories, projects and the account", () => {
    person.write(".claude.json", {
      mcpServers: {},
      claudeAiMcpEverConnected: ["claude.ai Linear"],
      projects: { "/srv/x": { mcpServers: { local: { command: "a" } } } },
    });
    person.write("project/.mcp.json", { mcpServers: { shared: { command: "npx", args: ["x"] } } });
    const { plan, tree } = collect();
    expect(plan.items.map(({ name, verdict }) => [name, verdict])).toEqual([
      ["local (only in /srv/x)", "only-here"],
      ["shared (project)", "needs-install"],
      ["claude.ai Linear", "needs-login"],
    ]);
    expect([...tree.keys()]).toEqual([]);
  });

  test("the user's own mcp_config.json says when servers start, and may add some", () => {
    person.write(".claude/mcp_config.json", {
      mcpServers: { it: { start: "eager" }, more: { command: "bash", start: "lazy" } },
    });
    const { entry } = server({ command: "bash", args: ["-c", "cat"] });
    expect(entry).toEqual({ command: "bash", args: ["-c", "cat"], start: "eager" });
    const text = collect().tree.get("config/claude/mcp_config.json")?.read().toString() ?? "";
    expect(text).toContain('"more"');
  });
});
