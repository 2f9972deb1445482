import { sandboxContainers, engine } from "./engine-things.ts";
import { eventually } from "./eventually.ts";
import type { ParheliaHome } from "./parhelia.ts";
import type { ProgramResult, RunningProgram } from "./run-program.ts";
import {
  callTool,
  say,
  startScriptedMessagesApi,
  type RecordedRequest,
  type ScriptedMessagesApi,
} from "./scripted-messages-api.ts";
import type { Session } from "./session.ts";

/** More than any test waits for. */
const ROUNDS = 2_000;

/** Files that are written again and again, and lines of each: enough to be seen half written. */
const FILES = 5;
const LINES = 400;

/** A directory that only this conversation writes to. */
let conversations = 0;

/** The real Claude Code in a session, which edits files in a loop. */
export class EditingClaude {
  readonly #api: ScriptedMessagesApi;
  readonly #run: RunningProgram;

  private constructor(api: ScriptedMessagesApi, run: RunningProgram) {
    this.#api = api;
    this.#run = run;
  }

  /** Starts one and waits until it has edited twice. */
  static async start(home: ParheliaHome, session: Session): Promise<EditingClaude> {
    conversations += 1;
    const turns = Array.from({ length: ROUNDS }, (_, round) =>
      edit(`/vol/parhelia/workspaces/${session.name}`, conversations, round),
    );
    const api = await startScriptedMessagesApi({ turns });
    const args = ["run", session.name, "edit the files", "--", "--allowedTools", "Write"];
    const run = home.start(args, { env: { ANTHROPIC_BASE_URL: api.url } });
    run.result.catch(() => undefined);
    const claude = new EditingClaude(api, run);
    await eventually("Claude edits", 60_000, () => (claude.rounds > 2 ? true : undefined));
    return claude;
  }

  /** How many edits Claude has reported so far. */
  get rounds(): number {
    return Math.max(0, this.#api.mainRequests.length - 1);
  }

  /** When the edit with a number was reported, counted from 1; now for one that was not. */
  reportedAtMs(round: number): number {
    return this.#api.mainRequests[round]?.arrivedAtMs ?? Date.now();
  }

  /** Waits until the command has ended, as it does with the sandbox. */
  async ended(): Promise<ProgramResult> {
    const result = await this.#run.result;
    await this.#api.close();
    return result;
  }
}

function edit(workspace: string, conversation: number, round: number) {
  const file = `${workspace}/conversation-${conversation}/file-${round % FILES}.txt`;
  const content = `conversation ${conversation} round ${round}\n`.repeat(LINES);
  return callTool("Write", { file_path: file, content });
}

/** Ends the container of a sandbox with a signal, as nobody asked for. */
export async function killContainer(
  home: ParheliaHome,
  sandboxId: string,
  signal: "SIGKILL" | "SIGTERM",
): Promise<void> {
  const container = (await sandboxContainers(home)).get(sandboxId);
  if (container === undefined) throw new Error(`${sandboxId} has no container`);
  await (await engine()).getContainer(container.Id).kill({ signal });
}

/** Waits until a sandbox has ended and is gone. */
export async function sandboxEnd(
  home: ParheliaHome,
  sandboxId: string,
  timeoutMs: number,
): Promise<void> {
  await eventually(`${sandboxId} ends`, timeoutMs, async () => {
    const isThere = (await sandboxContainers(home)).has(sandboxId);
    if (isThere) return undefined;
    const running = (await home.json(["ls"])) as { sandboxId: string }[];
    return running.some((other) => other.sandboxId === sandboxId) ? undefined : true;
  });
}

/** Continues the newest conversation of a session. @returns the request that Claude Code makes */
export async function continueConversation(
  home: ParheliaHome,
  session: Session,
): Promise<RecordedRequest> {
  const api = await startScriptedMessagesApi({ turns: [say("I go on.")] });
  try {
    const args = ["run", session.name, "--continue", "go on"];
    await home.succeed(args, { env: { ANTHROPIC_BASE_URL: api.url } });
    const [request] = api.mainRequests;
    if (request === undefined) throw new Error("Claude Code asked for nothing");
    return request;
  } finally {
    await api.close();
  }
}

/** The edits of which a request's conversation has both the call and the result. */
export function roundsIn(request: RecordedRequest): number {
  const blocks = (request.body?.messages ?? []).flatMap(({ content }) =>
    typeof content === "string" ? [] : content,
  );
  const results = new Set(
    blocks.flatMap((block) =>
      block["type"] === "tool_result" && block["is_error"] !== true ? [block["tool_use_id"]] : [],
    ),
  );
  return blocks.filter((block) => block["type"] === "tool_use" && results.has(block["id"])).length;
}

/** The files below the workspace that are not whole, as an edit made them. */
export async function tornFiles(session: Session): Promise<string> {
  const script = `for f in conversation-*/file-*.txt; do
    [ "$(wc -l <"$f")" = ${LINES} ] && [ "$(sort -u "$f" | wc -l)" = 1 ] || echo "$f"
  done`;
  return session.output(["sh", "-c", script]);
}
