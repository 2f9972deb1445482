import { readFileSync } from "node:fs";
import { Counter, Gauge, Registry } from "prom-client";
import { checkpointDir } from "../../src/volume/layout.ts";
import { CHECKPOINT_FILES, parseCheckpointState } from "../protocol/checkpoint.ts";
import type { CheckpointResult, CheckpointState } from "../protocol/checkpoint.ts";
import type { InitRecord } from "../protocol/init-record.ts";
import type { McpReport } from "../protocol/mcp-report.ts";
import { INIT_RECORD_FILE, LAST_CHECKPOINT_FILE, MCP_REPORT_FILE } from "../protocol/paths.ts";
import { sandboxUsage } from "./sandbox-usage.ts";

/** What Claude Code's own events are counted in; they begin at 0 with the sandbox. */
export interface ClaudeCounters {
  readonly turns: Counter;
  readonly requests: Counter<"model" | "outcome">;
  readonly cost: Counter<"model">;
  readonly tokens: Counter<"model" | "kind">;
}

export interface Metrics {
  readonly registry: Registry;
  readonly claude: ClaudeCounters;
}

/** A gauge's value now, by its labels. */
type Sample = readonly [value: number, labels?: Readonly<Record<string, string>>];

/**
 * Everything that is measured in a sandbox. Gauges are read when somebody asks: between two questions nothing
 * is done.
 *
 * @param environment of the session; PARHELIA_SESSION names it
 */
export function createMetrics(environment: NodeJS.ProcessEnv): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const gauge: AddGauge = (name, help, labelNames, samples) => {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        const now = samples();
        for (const [value, labels = {}] of now) this.set(labels, value);
        // Without labels it is 0 after a reset: what is not known is not shown.
        if (labelNames.length === 0 && now.length === 0) this.remove();
      },
    });
  };
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter<L>({ name, help, labelNames, registers });

  addInit(gauge);
  addCheckpoint(gauge, environment["PARHELIA_SESSION"]);
  addMcpServers(gauge);
  addUsage(gauge);
  new Counter({
    name: "parhelia_cpu_seconds_total",
    help: "CPU time that the sandbox has used.",
    registers,
    collect() {
      this.reset();
      this.inc(sandboxUsage().cpuSeconds);
    },
  });
  return {
    registry,
    claude: {
      turns: counter("parhelia_claude_turns_total", "Prompts that Claude Code was given.", []),
      requests: counter(
        "parhelia_claude_requests_total",
        "Requests of Claude Code to the API, by model and outcome.",
        ["model", "outcome"],
      ),
      cost: counter(
        "parhelia_claude_cost_usd_total",
        "Cost of these requests in US dollars, as Claude Code reckons it.",
        ["model"],
      ),
      tokens: counter("parhelia_claude_tokens_total", "Tokens of these requests, by kind.", [
        "model",
        "kind",
      ]),
    },
  };
}

type AddGauge = (name: string, help: string, labelNames: string[], samples: () => Sample[]) => void;

function addInit(gauge: AddGauge): void {
  const record = () => readJson(INIT_RECORD_FILE) as InitRecord | undefined;
  gauge("parhelia_init_step_seconds", "Duration of each of init's steps.", ["step"], () =>
    (record()?.steps ?? []).map(({ name, durationMs }) => [durationMs / 1000, { step: name }]),
  );
  gauge("parhelia_ready_seconds", "From the start of init to ready.", [], () =>
    known(record(), ({ readyMs }) => readyMs / 1000),
  );
  gauge("parhelia_session_age_seconds", "Since the start of the sandbox's init.", [], () =>
    known(record(), ({ startedAtMs }) => (Date.now() - startedAtMs) / 1000),
  );
}

function addCheckpoint(gauge: AddGauge, session: string | undefined): void {
  const state = () => (session === undefined ? undefined : latestCheckpoint(session));
  gauge("parhelia_checkpoint_age_seconds", "Since the session's last checkpoint.", [], () =>
    known(state(), ({ createdAt }) => (Date.now() - Date.parse(createdAt)) / 1000),
  );
  gauge("parhelia_checkpoint_size_bytes", "Size of the last checkpoint's files.", [], () =>
    known(state(), ({ files }) => Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0)),
  );
  gauge("parhelia_checkpoint_duration_seconds", "How long it took to write.", [], () =>
    known(
      readJson(LAST_CHECKPOINT_FILE) as CheckpointResult | undefined,
      ({ durationMs }) => durationMs / 1000,
    ),
  );
  gauge("parhelia_checkpoint_conversations", "Conversations in the last checkpoint.", [], () =>
    known(state(), ({ conversations }) => conversations),
  );
}

function addMcpServers(gauge: AddGauge): void {
  const servers = () => (readJson(MCP_REPORT_FILE) as McpReport | undefined)?.servers ?? [];
  gauge(
    "parhelia_mcp_server_state",
    "1 for the state that an MCP server is in, as the launcher knows it.",
    ["server", "transport", "state"],
    () => servers().map(({ name, transport, state }) => [1, { server: name, transport, state }]),
  );
  gauge(
    "parhelia_mcp_server_restarts",
    "How often the launcher started an MCP server again.",
    ["server"],
    () => servers().map(({ name, restarts }) => [restarts, { server: name }]),
  );
}

function addUsage(gauge: AddGauge): void {
  const usage = (
    name: string,
    help: string,
    read: (now: ReturnType<typeof sandboxUsage>) => number | undefined,
  ) => {
    gauge(name, help, [], () => known(read(sandboxUsage()), (value) => value));
  };
  usage("parhelia_memory_bytes", "Memory that the sandbox uses.", (now) => now.memoryBytes);
  usage("parhelia_memory_limit_bytes", "Memory that it may use.", (now) => now.memoryLimitBytes);
  usage("parhelia_disk_used_bytes", "Used of its root file system.", (now) => now.diskUsedBytes);
  usage("parhelia_disk_bytes", "Size of its root file system.", (now) => now.diskBytes);
}

function known<T>(value: T | undefined, read: (value: T) => number): Sample[] {
  return value === undefined ? [] : [[read(value)]];
}

function latestCheckpoint(session: string): CheckpointState | undefined {
  try {
    const file = `${checkpointDir(session)}/${CHECKPOINT_FILES.state}`;
    return parseCheckpointState(readFileSync(file, "utf8"));
  } catch {
    return undefined; // there is none yet
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined; // not written yet
  }
}
