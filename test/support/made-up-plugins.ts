import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A stdio MCP server with one tool, in the standard library of Python and nothing else. */
export const MCP_SERVER = `#!/usr/bin/env python3
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    method = message["method"]
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {}},
                  "serverInfo": {"name": "made-up", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": [{"name": "greet", "description": "greets",
                             "inputSchema": {"type": "object"}}]}
    elif method == "tools/call":
        result = {"content": [{"type": "text", "text": "hello from " + sys.argv[1]}]}
    else:
        result = {}
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
`;

/**
 * A marketplace's folder, whose plugins have one of everything: skill, command, agent, hook, MCP server.
 * Claude Code runs the hook of only one of two plugins that have the same name.
 */
export function writeMarketplace(
  directory: string,
  name: string,
  plugins: readonly string[],
): void {
  write(join(directory, ".claude-plugin", "marketplace.json"), {
    name,
    owner: { name: "A person" },
    plugins: plugins.map((plugin) => ({
      name: plugin,
      source: `./plugins/${plugin}`,
      description: "made up",
    })),
  });
  for (const plugin of plugins)
    writePlugin(join(directory, "plugins", plugin), `${name}-${plugin}`);
}

function writePlugin(directory: string, label: string): void {
  const plugin = label.split("-").at(-1) ?? label;
  write(join(directory, ".claude-plugin", "plugin.json"), { name: plugin, version: "1.0.0" });
  const page = (name: string): string =>
    `---\nname: ${name}\ndescription: made up\n---\nSay hello.\n`;
  write(join(directory, "skills", `${label}-skill`, "SKILL.md"), page(`${label}-skill`));
  write(join(directory, "commands", `${label}-command.md`), page(`${label}-command`));
  write(join(directory, "agents", `${label}-agent.md`), page(`${label}-agent`));
  write(join(directory, "server.py"), MCP_SERVER);
  write(join(directory, ".mcp.json"), {
    mcpServers: {
      [`${label}-server`]: {
        command: "python3",
        args: ["${CLAUDE_PLUGIN_ROOT}/server.py", label],
      },
    },
  });
  write(
    join(directory, "hooks", "run.sh"),
    `#!/bin/sh\necho "${label} $CLAUDE_PLUGIN_ROOT" >> "$HOOK_LOG"\n`,
    0o755,
  );
  const command = '"${CLAUDE_PLUGIN_ROOT}"/hooks/run.sh';
  write(join(directory, "hooks", "hooks.json"), {
    hooks: { UserPromptSubmit: [{ hooks: [{ type: "command", command }] }] },
  });
}

function write(file: string, content: string | object, mode = 0o644): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content, null, 2), {
    mode,
  });
}
