import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  sendError,
  sendJson,
  sendMessage,
  streamMessage,
  type ContentBlock,
} from "./messages-api-wire.ts";

/** One answer of the script: what the API says when its turn comes. */
export type Turn = Answer | Failure;

/** An assistant's message: text, tool calls, or both. */
export interface Answer {
  readonly content: readonly ContentBlock[];
  /** Time before the first byte. */
  readonly delayMs?: number;
  /** Time between two deltas of a streamed answer. */
  readonly pauseMs?: number;
}

/** An error of the API, such as 529 `overloaded_error`. */
export interface Failure {
  readonly error: { readonly status: number; readonly type: string; readonly message: string };
  /** It stays the answer to every later request too: a refused key stays refused. */
  readonly lasting?: boolean;
  readonly delayMs?: number;
}

/** Answers with a text. */
export function say(text: string, timing: Pick<Answer, "delayMs" | "pauseMs"> = {}): Answer {
  return { content: [{ type: "text", text }], ...timing };
}

/** What a POST to the Messages API carries, as far as Parhelia looks into it. */
export interface MessagesBody {
  readonly model: string;
  readonly stream?: boolean;
  readonly tools?: readonly { readonly name: string }[];
  readonly system?: unknown;
  readonly messages: readonly {
    readonly role: string;
    readonly content: string | readonly Readonly<Record<string, unknown>>[];
  }[];
}

/** A request as it arrived, whatever its path. */
export interface RecordedRequest {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** `main` takes a turn of the script; `side` is one of Claude Code's own small calls; else `other`. */
  readonly kind: "main" | "side" | "other";
  /** Set for `main` and `side`. */
  readonly body: MessagesBody | undefined;
  readonly status: number;
  readonly arrivedAtMs: number;
}

export interface ScriptedMessagesApi {
  /** For `ANTHROPIC_BASE_URL`. */
  readonly url: string;
  readonly port: number;
  /** Everything that was asked, in order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** The requests that took a turn of the script, in order. */
  readonly mainRequests: readonly RecordedRequest[];
  /** Turns that nothing has asked for yet. */
  readonly turnsLeft: number;
  /** Adds turns to the script. */
  add(...turns: readonly Turn[]): void;
  /** Ends the server and the connections that are still open. */
  close(): Promise<void>;
}

/**
 * Starts a server that speaks Anthropic's Messages API and answers from a script: each request that
 * offers tools, as every turn of a conversation does, takes the next turn. Claude Code's own small
 * calls (a title for the session, a summary) offer none; they get a fixed answer and take no turn.
 * When the script has run out, the answer is an error that Claude Code does not repeat.
 *
 * @param options.host address to listen on; only a container that must reach it needs another than
 * loopback, the gateway address of its network
 */
export async function startScriptedMessagesApi(options: {
  readonly turns: readonly Turn[];
  readonly host?: string;
}): Promise<ScriptedMessagesApi> {
  const host = options.host ?? "127.0.0.1";
  const turns = [...options.turns];
  const requests: RecordedRequest[] = [];
  const server = createServer((request, response) => {
    // A client that goes away in the middle is none of the server's errors.
    void answer(request, response, { turns, requests }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    requests,
    get mainRequests() {
      return requests.filter((request) => request.kind === "main");
    },
    get turnsLeft() {
      return turns.length;
    },
    add: (...more) => void turns.push(...more),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Script {
  readonly turns: Turn[];
  readonly requests: RecordedRequest[];
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  script: Script,
): Promise<void> {
  const method = request.method ?? "GET";
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  const text = await readBody(request);
  const isMessages = method === "POST" && path === "/v1/messages";
  const body = isMessages ? (JSON.parse(text) as MessagesBody) : undefined;
  const kind = body === undefined ? "other" : (body.tools ?? []).length > 0 ? "main" : "side";
  // Written down on arrival, so that one sees a request whose answer is still on its way.
  const index = script.requests.length;
  const record = {
    method,
    path,
    headers: request.headers,
    kind,
    body,
    status: 0,
    arrivedAtMs: Date.now(),
  } as const;
  script.requests.push(record);
  response.once("finish", () => {
    script.requests[index] = { ...record, status: response.statusCode };
  });
  if (body === undefined) answerOther({ method, path, text }, response);
  else await answerMessages(body, kind === "main" ? nextTurn(script) : SIDE_ANSWER, response);
}

/** Claude Code asks for a title as JSON; its other side calls take any text. */
const SIDE_ANSWER = say('{"title": "Scripted session"}');

function nextTurn(script: Script): Turn {
  const turn = script.turns[0];
  if (turn !== undefined && "lasting" in turn && turn.lasting) return turn;
  const message = "the scripted Messages API has no turn left";
  return script.turns.shift() ?? { error: { status: 400, type: "invalid_request_error", message } };
}

async function answerMessages(
  body: MessagesBody,
  turn: Turn,
  response: ServerResponse,
): Promise<void> {
  await sleep(turn.delayMs ?? 0);
  if ("error" in turn) {
    const repeatable = turn.error.status >= 500 || turn.error.status === 429;
    sendError(response, turn.error, { "retry-after": "0", "x-should-retry": String(repeatable) });
    return;
  }
  const message = {
    id: `msg_scripted_${Date.now()}`,
    model: body.model,
    content: turn.content,
    pauseMs: turn.pauseMs ?? 0,
  };
  if (body.stream === true) await streamMessage(response, message);
  else sendMessage(response, message);
}

function answerOther(
  request: { readonly method: string; readonly path: string; readonly text: string },
  response: ServerResponse,
): void {
  const { method, path } = request;
  if (method === "POST" && path === "/v1/messages/count_tokens") {
    // About four characters a token: near enough for a client that plans with it.
    sendJson(response, 200, { input_tokens: Math.ceil(request.text.length / 4) });
  } else if (["HEAD", "GET"].includes(method) && ["/", "/api/hello"].includes(path)) {
    sendJson(response, 200, { message: "hello" });
  } else {
    const message = `${method} ${path} is not part of the scripted Messages API`;
    sendError(response, { status: 404, type: "not_found_error", message });
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
