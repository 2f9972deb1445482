import { expect, test } from "vitest";
import { countClaudeEvents } from "./claude-events.ts";
import { createMetrics } from "./registry.ts";

test("what is not known yet is not shown, and what has no labels is never 0 instead", async () => {
  const text = await createMetrics({}).registry.metrics();
  expect(text).not.toMatch(/^parhelia_(ready|session_age|checkpoint_age)_seconds /m);
  expect(text).toMatch(/^parhelia_disk_bytes [1-9]/m);
  expect(text).toMatch(/^parhelia_cpu_seconds_total [0-9.]*[1-9]/m);
  expect(text).toMatch(/^parhelia_claude_turns_total 0$/m);
});

test("Claude Code's events are counted; others, and what is no number, are not", async () => {
  const { registry, claude } = createMetrics({});
  const event = (name: string, values: Record<string, string | number>) => ({
    attributes: Object.entries({ "event.name": name, ...values }).map(([key, value]) => ({
      key,
      value: typeof value === "string" ? { stringValue: value } : { intValue: value },
    })),
  });
  const logRecords = [
    event("user_prompt", {}),
    event("api_request", { model: "m", cost_usd: "0.25", input_tokens: 12, output_tokens: "8" }),
    event("api_request", { model: "m", cost_usd: "much" }),
    event("api_error", { model: "m" }),
    event("tool_result", { model: "m", cost_usd: "99" }),
  ];
  countClaudeEvents(JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }), claude);
  countClaudeEvents("{}", claude);
  const text = await registry.metrics();
  expect(text).toContain("parhelia_claude_turns_total 1\n");
  expect(text).toContain('parhelia_claude_cost_usd_total{model="m"} 0.25\n');
  expect(text).toContain('parhelia_claude_requests_total{model="m",outcome="ok"} 2\n');
  expect(text).toContain('parhelia_claude_requests_total{model="m",outcome="error"} 1\n');
  expect(text).toContain('parhelia_claude_tokens_total{model="m",kind="input"} 12\n');
  expect(() => {
    countClaudeEvents("no JSON", claude);
  }).toThrow(SyntaxError);
});
