import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import {
  say,
  startScriptedMessagesApi,
  type ScriptedMessagesApi,
} from "../support/scripted-messages-api.ts";
import { useSession, useSharedHome } from "../support/shared-home.ts";

const home = useSharedHome();
const session = useSession(home, "metrics");
let api: ScriptedMessagesApi;

beforeAll(async () => {
  api = await startScriptedMessagesApi({ turns: [say("one"), say("two")] });
});
afterAll(() => api.close());

/** Values by name and labels, as Prometheus reads them. */
async function metrics(): Promise<ReadonlyMap<string, number>> {
  const text = await home.succeed(["metrics", session.name]);
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

const total = (values: ReadonlyMap<string, number>, name: string) =>
  [...values].filter(([key]) => key.startsWith(name)).reduce((sum, [, value]) => sum + value, 0);

describe("SPEC-01 remote environment: the metrics endpoint", () => {
  test("is on as the volume's first remote.env has it, on loopback only", async () => {
    const listening = "ss -ltn 2>/dev/null || cat /proc/net/tcp /proc/net/tcp6";
    const sockets = await session.output(["sh", "-c", listening]);
    // 9090 is 2382 in hexadecimal, 127.0.0.1 is 0100007F in the kernel's table.
    const at9090 = sockets.split("\n").filter((line) => /:(9090|2382)\b/.test(line));
    expect(at9090.length).toBeGreaterThan(0);
    for (const line of at9090) expect(line).toMatch(/127\.0\.0\.1:9090|0100007F:2382/);
  });

  test("shows the start, the sandbox, and how long it has been there", async () => {
    const values = await metrics();
    expect(values.get('parhelia_init_step_seconds{step="verify-claude-code"}')).toBeGreaterThan(0);
    expect([...values.keys()].filter((key) => key.startsWith("parhelia_init_step"))).toHaveLength(
      5,
    );
    expect(values.get("parhelia_ready_seconds")).toBeGreaterThan(0);
    expect(values.get("parhelia_session_age_seconds")).toBeGreaterThan(0);
    expect(values.get("parhelia_memory_bytes")).toBeGreaterThan(1_000_000);
    expect(values.get("parhelia_cpu_seconds_total")).toBeGreaterThan(0);
    expect(values.get("parhelia_disk_used_bytes")).toBeGreaterThan(1_000_000);
  });

  test("counts Claude Code's turns, tokens and cost from its own events", async () => {
    const env = { ANTHROPIC_BASE_URL: api.url, ANTHROPIC_API_KEY: "sk-ant-test-metrics" };
    const flags = ["-e", "ANTHROPIC_BASE_URL", "-e", "ANTHROPIC_API_KEY"];
    await home.succeed(["run", ...flags, session.name, "first"], { env });
    await home.succeed(["run", ...flags, session.name, "second"], { env });
    const values = await eventually("two turns are counted", 30_000, async () => {
      const now = await metrics();
      return now.get("parhelia_claude_turns_total") === 2 ? now : undefined;
    });
    expect(total(values, "parhelia_claude_cost_usd_total")).toBeGreaterThan(0);
    expect(total(values, "parhelia_claude_tokens_total")).toBeGreaterThan(0);
    expect(total(values, "parhelia_claude_requests_total")).toBeGreaterThanOrEqual(2);
  });

  test("shows the last checkpoint once there is one, and how MCP servers are", async () => {
    expect((await metrics()).has("parhelia_checkpoint_size_bytes")).toBe(false);
    await session.output(["parhelia-container", "checkpoint", "--reason", "request"]);
    const values = await metrics();
    expect(values.get("parhelia_checkpoint_size_bytes")).toBeGreaterThan(0);
    expect(values.get("parhelia_checkpoint_age_seconds")).toBeLessThan(120);
    expect(values.get("parhelia_checkpoint_duration_seconds")).toBeGreaterThan(0);
    expect(values.get("parhelia_checkpoint_conversations")).toBe(2);
  });

  test("is the same as JSON, and without the endpoint all but Claude Code's turns", async () => {
    const json = (await home.json(["metrics", session.name])) as { name: string }[];
    const names = json.map(({ name }) => name);
    expect(names).toContain("parhelia_claude_cost_usd_total");
    const off = await session.output([
      "env",
      "PARHELIA_METRICS_ENABLED=false",
      "parhelia-metrics",
      "print",
    ]);
    expect(off).toContain("parhelia_ready_seconds ");
    expect(off).toContain("parhelia_claude_turns_total 0");
  });
});
