import { setTimeout as delay } from "node:timers/promises";
import type { Probe } from "../generated/modal_client.ts";
import { backoffMs } from "./container-watch.ts";
import type { EngineConnection } from "./engine-connection.ts";
import { withEngine } from "./engine-errors.ts";
import { drain, inspectEngineExec, startEngineExec } from "./engine-exec.ts";

const DEFAULT_INTERVAL_MS = 100;

/**
 * Repeats the probe inside the container: a process that the engine starts costs some 50 ms, one that
 * another process in the container starts about 1 ms. Status 125: the container's `sleep` cannot do it.
 */
const PROBE_LOOP = `
interval=$1; shift
until env "$@" >/dev/null 2>&1 </dev/null; do sleep "$interval" || exit 125; done`;

/** Statuses that say that the loop cannot be run in this container: no sh, no env, no such sleep. */
const NO_LOOP = new Set([125, 126, 127]);

/** State of a listening socket in /proc/net/tcp. */
const LISTENING = "0A";

/**
 * Resolves once a sandbox's readiness probe has succeeded. Never gives up by itself, also not while the
 * engine is away.
 * @throws AbortError when `signal` is aborted
 */
export async function waitUntilProbeSucceeds(
  connection: EngineConnection,
  containerName: string,
  probe: Probe,
  signal: AbortSignal,
): Promise<void> {
  const argv = probeCommand(probe);
  const intervalMs = probe.intervalMs ?? DEFAULT_INTERVAL_MS;
  let command = ["sh", "-c", PROBE_LOOP, "sh", (intervalMs / 1000).toString(), ...argv];
  for (let failures = 0; ;) {
    const startedAtMs = Date.now();
    try {
      const status = await runProbe(connection, containerName, command, signal);
      if (status === 0) return;
      if (command !== argv && status !== undefined && NO_LOOP.has(status)) command = argv;
      failures = 0;
    } catch {
      failures++;
    }
    signal.throwIfAborted();
    const pauseMs = Math.max(0, startedAtMs + intervalMs - Date.now());
    await delay(failures === 0 ? pauseMs : backoffMs(failures), undefined, { signal });
  }
}

/** A command that succeeds when the sandbox is ready. */
function probeCommand({ probe }: Probe): string[] {
  if (probe?.$case === "execCommand") return probe.value.argv;
  const port = probe?.value ?? 0;
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const listening = `^ *[0-9]*: [0-9A-F]*:${hexPort} [0-9A-F]*:0000 ${LISTENING}`;
  return ["grep", "-q", listening, "/proc/net/tcp", "/proc/net/tcp6"];
}

async function runProbe(
  connection: EngineConnection,
  containerName: string,
  command: string[],
  signal: AbortSignal,
): Promise<number | undefined> {
  return withEngine(connection, async ({ docker }) => {
    const { exec, socket } = await startEngineExec(docker, containerName, {
      AttachStdin: false,
      Cmd: command,
    });
    const abort = () => socket.destroy();
    signal.addEventListener("abort", abort, { once: true });
    try {
      await drain(socket);
    } finally {
      signal.removeEventListener("abort", abort);
    }
    return (await inspectEngineExec(exec)).exitCode;
  });
}
