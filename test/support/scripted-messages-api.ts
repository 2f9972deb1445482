/** The product's scripted Messages API, and what only tests make it say. */
import type {
  Answer,
  Failure,
  RecordedRequest,
} from "../../packages/parhelia/src/parity/scripted-messages-api.ts";

export {
  type RecordedRequest,
  say,
  startScriptedMessagesApi,
  type ScriptedMessagesApi,
  type Turn,
} from "../../packages/parhelia/src/parity/scripted-messages-api.ts";

let toolCalls = 0;

/** Calls a tool; the request that follows carries its result (`toolResults`). */
export function callTool(name: string, input: Readonly<Record<string, unknown>>): Answer {
  toolCalls += 1;
  return { content: [{ type: "tool_use", id: `toolu_scripted_${toolCalls}`, name, input }] };
}

/** The API is overloaded: Claude Code waits and asks again, which takes the next turn. */
export function overloaded(): Failure {
  return { error: { status: 529, type: "overloaded_error", message: "Overloaded" } };
}

/** The API refuses the key, from now on: Claude Code gives up. */
export function unauthorized(): Failure {
  const error = { status: 401, type: "authentication_error", message: "invalid x-api-key" };
  return { error, lasting: true };
}

/** The results of tools that a request brings back, as text. */
export function toolResults(request: RecordedRequest | undefined): string[] {
  const blocks = (request?.body?.messages ?? []).flatMap(({ content }) =>
    typeof content === "string" ? [] : content,
  );
  return blocks.filter(({ type }) => type === "tool_result").map(({ content }) => textOf(content));
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => (part as { readonly text?: string }).text ?? "").join("");
}
