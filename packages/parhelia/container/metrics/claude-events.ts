import type { Counter } from "prom-client";
import type { ClaudeCounters } from "./registry.ts";

/** OpenTelemetry's JSON for logs, as far as it is read here. */
interface LogsRequest {
  readonly resourceLogs?: readonly {
    readonly scopeLogs?: readonly { readonly logRecords?: readonly LogRecord[] }[];
  }[];
}

interface LogRecord {
  readonly attributes?: readonly { readonly key: string; readonly value?: Value }[];
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
}

/**
 * Counts what Claude Code tells of its turns: `user_prompt` begins one, each `api_request` has its model, tokens
 * and cost, `api_error` is one that failed. Other events count for nothing.
 *
 * @param body OTLP logs as JSON @throws SyntaxError when it is none
 */
export function countClaudeEvents(body: string, counters: ClaudeCounters): void {
  const request = JSON.parse(body) as LogsRequest;
  for (const { scopeLogs = [] } of request.resourceLogs ?? []) {
    for (const { logRecords = [] } of scopeLogs) {
      for (const record of logRecords) countEvent(attributesOf(record), counters);
    }
  }
}

type Attributes = ReadonlyMap<string, string>;

function attributesOf({ attributes = [] }: LogRecord): Attributes {
  return new Map(
    attributes.map(({ key, value = {} }) => [
      key,
      String(value.stringValue ?? value.intValue ?? value.doubleValue ?? ""),
    ]),
  );
}

const TOKEN_KINDS: Readonly<Record<string, string>> = {
  input_tokens: "input",
  output_tokens: "output",
  cache_read_tokens: "cache_read",
  cache_creation_tokens: "cache_creation",
};

function countEvent(attributes: Attributes, counters: ClaudeCounters): void {
  const model = attributes.get("model") ?? "unknown";
  switch (attributes.get("event.name")) {
    case "user_prompt":
      counters.turns.inc();
      return;
    case "api_request":
      counters.requests.inc({ model, outcome: "ok" });
      add(counters.cost, { model }, attributes.get("cost_usd"));
      for (const [key, kind] of Object.entries(TOKEN_KINDS)) {
        add(counters.tokens, { model, kind }, attributes.get(key));
      }
      return;
    case "api_error":
      counters.requests.inc({ model, outcome: "error" });
      return;
    case undefined:
    default:
  }
}

function add(counter: Counter, labels: Record<string, string>, text: string | undefined): void {
  const amount = Number(text);
  if (Number.isFinite(amount) && amount > 0) counter.inc(labels, amount);
}
