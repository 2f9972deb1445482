import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What an assistant's message is made of, as far as the scripted answers need it. */
export type ContentBlock =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "tool_use";
      readonly id: string;
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
    };

/** An assistant's message before it is put on the wire. */
export interface AssistantMessage {
  readonly id: string;
  readonly model: string;
  readonly content: readonly ContentBlock[];
  /** Time between two deltas of a streamed answer. */
  readonly pauseMs: number;
}

const USAGE = { input_tokens: 12, output_tokens: 8 };

/** Answers with one JSON body: what a request without `stream` gets. */
export function sendMessage(response: ServerResponse, message: AssistantMessage): void {
  sendJson(response, 200, {
    ...envelope(message),
    content: message.content,
    stop_reason: stopReason(message),
    stop_sequence: null,
    usage: USAGE,
  });
}

/** Answers with server-sent events, each block in several deltas; ends early when the client goes. */
export async function streamMessage(
  response: ServerResponse,
  message: AssistantMessage,
): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const event of eventsOf(message)) {
    if (response.destroyed) return;
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    if (event.type === "content_block_delta") await sleep(message.pauseMs);
  }
  response.end();
}

/** Answers with an error in the form that every endpoint of the API uses. */
export function sendError(
  response: ServerResponse,
  error: { readonly status: number; readonly type: string; readonly message: string },
  headers: Readonly<Record<string, string>> = {},
): void {
  sendJson(
    response,
    error.status,
    { type: "error", error: { type: error.type, message: error.message } },
    headers,
  );
}

/** Answers with a JSON body. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

interface ServerSentEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

function* eventsOf(message: AssistantMessage): Generator<ServerSentEvent> {
  yield {
    type: "message_start",
    message: {
      ...envelope(message),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...USAGE, output_tokens: 1 },
    },
  };
  yield { type: "ping" };
  for (const [index, block] of message.content.entries()) {
    yield { type: "content_block_start", index, content_block: emptied(block) };
    for (const delta of deltasOf(block)) yield { type: "content_block_delta", index, delta };
    yield { type: "content_block_stop", index };
  }
  yield {
    type: "message_delta",
    delta: { stop_reason: stopReason(message), stop_sequence: null },
    usage: { output_tokens: USAGE.output_tokens },
  };
  yield { type: "message_stop" };
}

function envelope(message: AssistantMessage): Record<string, unknown> {
  return { id: message.id, type: "message", role: "assistant", model: message.model };
}

function stopReason(message: AssistantMessage): "tool_use" | "end_turn" {
  return message.content.some((block) => block.type === "tool_use") ? "tool_use" : "end_turn";
}

function emptied(block: ContentBlock): ContentBlock {
  return block.type === "text" ? { ...block, text: "" } : { ...block, input: {} };
}

function deltasOf(block: ContentBlock): Record<string, unknown>[] {
  if (block.type === "text") {
    return inPieces(block.text).map((text) => ({ type: "text_delta", text }));
  }
  return inPieces(JSON.stringify(block.input)).map((partial_json) => ({
    type: "input_json_delta",
    partial_json,
  }));
}

/** Three pieces where the text is long enough, so that a client has to put them together. */
function inPieces(text: string): string[] {
  const length = Math.max(1, Math.ceil(text.length / 3));
  return text.match(new RegExp(`[^]{1,${length}}`, "gu")) ?? [];
}
