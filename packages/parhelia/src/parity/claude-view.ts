import type { MessagesBody } from "./scripted-messages-api.ts";

/** What Claude Code shows of itself in its first event and its first request, in the order of a report. */
export const ASPECTS = [
  "version",
  "model",
  "permissionMode",
  "outputStyle",
  "tools",
  "mcpServers",
  "slashCommands",
  "agents",
  "skills",
  "plugins",
  "memoryFiles",
] as const;

export type Aspect = (typeof ASPECTS)[number];

/**
 * Each aspect as a table: the name of a thing, and what is to be compared of it: a server's state, the text
 * of a memory file, nothing for what is only there. What there is one of, such as the model, has no name.
 */
export type ClaudeView = Readonly<Record<Aspect, ReadonlyMap<string, string>>> & {
  /** Where its MCP servers are configured: `user`, `project`, `local`, … by their names. */
  readonly serverSources: ReadonlyMap<string, string>;
  /** Its working directory. */
  readonly cwd: string;
};

/** What is read of the `init` event of `--output-format stream-json`. */
interface InitEvent {
  readonly cwd: string;
  readonly claude_code_version: string;
  readonly model: string;
  readonly permissionMode: string;
  readonly output_style: string;
  readonly tools: readonly string[];
  readonly mcp_servers: readonly {
    readonly name: string;
    readonly status: string;
    readonly source?: string;
  }[];
  readonly slash_commands: readonly string[];
  readonly agents: readonly string[];
  readonly skills: readonly string[];
  readonly plugins: readonly { readonly name: string; readonly source?: string }[];
}

/**
 * Reads what a headless Claude Code showed.
 * @param stdout its messages as JSON, one a line
 * @param request the first that it sent to the Messages API
 * @returns undefined when it ended before it showed all of it
 */
export function readView(
  stdout: string,
  request: MessagesBody | undefined,
): ClaudeView | undefined {
  const init = findInit(stdout);
  if (init === undefined || request === undefined) return undefined;
  const servers = init.mcp_servers;
  return {
    cwd: init.cwd,
    version: new Map([["", init.claude_code_version]]),
    model: new Map([["", init.model]]),
    permissionMode: new Map([["", init.permissionMode]]),
    outputStyle: new Map([["", init.output_style]]),
    tools: present(init.tools),
    mcpServers: new Map(servers.map(({ name, status }) => [name, settled(status)])),
    slashCommands: present(init.slash_commands),
    agents: present(init.agents),
    skills: present(init.skills),
    plugins: present(init.plugins.map(({ name, source }) => source ?? name)),
    memoryFiles: readMemory(request),
    serverSources: new Map(servers.map(({ name, source = "" }) => [name, source])),
  };
}

/** Whether a server that does not answer is given up just before or just after the event is chance. */
function settled(status: string): string {
  return status === "pending" ? "failed" : status;
}

function findInit(stdout: string): InitEvent | undefined {
  for (const line of stdout.split("\n")) {
    if (!line.includes('"subtype":"init"')) continue;
    const event = JSON.parse(line) as InitEvent & { type: string; subtype: string };
    if (event.type === "system" && event.subtype === "init") return event;
  }
  return undefined;
}

function present(names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [name, ""]));
}

/** How Claude Code introduces each memory file, in the first message of a conversation (2.1.330). */
const MEMORY_FILE = /^Contents of (.+) \([^()\n]+\):$/m;

/** The memory files that were loaded, by their paths, with their texts. */
function readMemory({ messages }: MessagesBody): Map<string, string> {
  const files = new Map<string, string>();
  for (const text of messages.flatMap(({ role, content }) =>
    role === "user" ? textsOf(content) : [],
  )) {
    if (!text.startsWith("<system-reminder>")) continue;
    const body = text.replace(/\s*<\/system-reminder>\s*$/, "");
    const [, ...parts] = body.split(MEMORY_FILE);
    for (let index = 0; index < parts.length; index += 2) {
      files.set(parts[index] ?? "", (parts[index + 1] ?? "").trim());
    }
  }
  return files;
}

function textsOf(content: MessagesBody["messages"][number]["content"]): string[] {
  if (typeof content === "string") return [content];
  return content.flatMap(({ text }) => (typeof text === "string" ? [text] : []));
}
