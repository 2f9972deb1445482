import { spawn } from "node:child_process";
import { writeLog } from "../log.ts";
import { metricsPort } from "../metrics/settings.ts";
import { METRICS_PROGRAM, SANDBOX_USER } from "../protocol/paths.ts";
import type { Environment } from "./session-environment.ts";

/**
 * Starts the metrics endpoint as the sandbox's user where `remote.env` asks for it (SPEC-01 "Remote Environment
 * Config"), after ready, and does not wait for it. How it ends is logged and changes nothing else.
 */
export function startMetrics(environment: Environment): void {
  const port = metricsPort(environment);
  if (port === undefined) return;
  const child = spawn(METRICS_PROGRAM, ["serve", String(port)], {
    env: environment,
    uid: SANDBOX_USER.uid,
    gid: SANDBOX_USER.gid,
    stdio: ["ignore", "inherit", "inherit"],
  });
  child.on("error", (error) => {
    writeLog(`parhelia-metrics could not be started: ${error.message}`);
  });
  child.on("exit", (code, signal) => {
    writeLog(`parhelia-metrics ended with ${signal ?? `status ${code ?? 0}`}`);
  });
}
