import type { Environment } from "../init/session-environment.ts";

/** As the specification's `remote.env` has it. */
const DEFAULT_PORT = 9090;

/**
 * The port of the metrics endpoint (SPEC-01 "Remote Environment Config"): PARHELIA_METRICS_PORT, 9090 where it
 * is no port, when PARHELIA_METRICS_ENABLED is `true`, `1`, `yes` or `on`; undefined otherwise.
 */
export function metricsPort(environment: Environment): number | undefined {
  const enabled = environment.PARHELIA_METRICS_ENABLED?.toLowerCase() ?? "";
  if (!["true", "1", "yes", "on"].includes(enabled)) return undefined;
  const port = Number(environment.PARHELIA_METRICS_PORT);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : DEFAULT_PORT;
}

/**
 * What makes Claude Code tell the endpoint about its turns: OpenTelemetry events as JSON, to this sandbox's own
 * loopback and no further. They hold no prompt: OTEL_LOG_USER_PROMPTS is not among them.
 */
export function telemetryVariables(port: number): Environment {
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: "1",
    OTEL_LOGS_EXPORTER: "otlp",
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `http://127.0.0.1:${port}/v1/logs`,
  };
}

/** Whether a variable says where telemetry goes: somebody who sets one has a collector of their own. */
export function isTelemetryVariable(name: string): boolean {
  return name.startsWith("OTEL_") || name === "CLAUDE_CODE_ENABLE_TELEMETRY";
}
