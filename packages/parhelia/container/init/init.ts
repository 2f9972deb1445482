import type { SessionLife } from "../life/session-life.ts";
import { loadCheckpointing } from "../load-checkpointing.ts";
import { awaitSession } from "./await-session.ts";
import { clearLeftovers } from "./clear-leftovers.ts";
import { Ending } from "./ending.ts";
import { initializeTmux, stopTmux } from "./initialize-tmux.ts";
import type { Linked } from "./link-config.ts";
import { linkConfig } from "./link-config.ts";
import { writeLog } from "../log.ts";
import type { InitRecord } from "../protocol/init-record.ts";
import { INIT_RECORD_FILE } from "../protocol/paths.ts";
import { writeFileAtomically } from "../write-file.ts";
import { reloadOnHangUp, removeInitPid } from "./reload.ts";
import { removeReadyMarker, reportReady } from "./report-ready.ts";
import type { McpLauncher } from "./start-mcp-servers.ts";
import { startMcpServers } from "./start-mcp-servers.ts";
import { startMetrics } from "./start-metrics.ts";
import type { Environment } from "./session-environment.ts";
import { runSteps } from "./steps.ts";
import { supervise } from "./supervise.ts";
import { verifyClaudeCode } from "./verify-claude-code.ts";
import { verifyGpu } from "./verify-gpu.ts";

/**
 * The sandbox's start (SPEC-01.13): five steps, in the specification's order, then supervision until INT
 * or TERM; in a prepared sandbox, once it has a session. A step that fails ends the sandbox with status 1; what led to it is in the log.
 */
export async function init(): Promise<void> {
  removeReadyMarker();
  removeInitPid();
  clearLeftovers(process.env);
  let linked: Linked = { environment: {}, windows: undefined };
  let launcher: McpLauncher | undefined;
  const stopServers = () => launcher?.stop() ?? Promise.resolve();
  const life: { begun?: SessionLife | undefined } = {};
  const ending = new Ending({
    // Before it is ready, a session has nothing that is not on the volume.
    save: (reason, options) => life.begun?.save(reason, options) ?? Promise.resolve(true),
    stopServers,
  });
  ending.onSignals();

  const start = await awaitSession(process.env, verify);
  const steps = await runSteps([
    { name: "link-config", run: async () => void (linked = await linkConfig(start)) },
    {
      name: "verify-claude-code",
      run: () => (start.isVerified ? undefined : verify(linked.environment)),
    },
    { name: "start-mcp-servers", run: () => void (launcher = startMcpServers(linked.environment)) },
    { name: "initialize-tmux", run: () => initializeTmux(linked) },
    { name: "report-ready", run: reportReady },
  ]);
  if (steps === undefined) {
    await Promise.allSettled([stopServers(), stopTmux(linked.environment)]);
    process.exit(1);
  }
  const readyMs = Math.round(performance.now() - start.begunMs);
  writeLog(`parhelia-init ready ${readyMs}ms`);
  reloadOnHangUp(() => launcher?.reload());
  launcher?.resume();
  recordInit({ startedAtMs: Date.now() - performance.now() + start.begunMs, readyMs, steps });
  startMetrics(linked.environment);
  supervise();
  // Loaded now, and not on the way to ready.
  const { beginLife } = await loadCheckpointing();
  life.begun = beginLife(linked, ending);
}

async function verify(environment: Environment): Promise<void> {
  await Promise.all([verifyClaudeCode(environment), verifyGpu(environment)]);
}

function recordInit(record: InitRecord): void {
  writeFileAtomically(INIT_RECORD_FILE, `${JSON.stringify(record)}\n`, { mode: 0o644 });
}
