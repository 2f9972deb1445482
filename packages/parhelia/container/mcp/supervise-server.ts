import type { McpServerReport } from "../protocol/mcp-report.ts";
import type { ConnectedServer } from "./connect-server.ts";
import { connectServer } from "./connect-server.ts";
import type { Environment } from "./environment.ts";
import type { PreparedServer } from "./prepare-server.ts";
import { NotStartable, prepareServer } from "./prepare-server.ts";
import type { McpServerConfig } from "./read-config.ts";
import type { ServerProcess } from "./server-process.ts";

/** A server that fails this often, one time after the other, is left alone. */
const MAX_ATTEMPTS = 5;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** A server that ran this long was well: its end is the first of a new row. */
const STABLE_MS = 60_000;

/** What is new about a server. */
export type Change = Partial<Omit<McpServerReport, "name" | "transport" | "start">>;

/** A server in the launcher's care. */
export interface SupervisedServer {
  /** Resolves when there is nothing more to do for it. */
  readonly finished: Promise<void>;
  /** Ends it and what it started. */
  readonly stop: () => Promise<void>;
}

/**
 * Takes an eager server into care. One over HTTP that is a program is started, and started again with
 * growing pauses when it ends. One over stdio is started once, checked and ended: Claude Code talks to a
 * process of its own, which then finds all that this one had to download. One elsewhere is checked.
 */
export function superviseServer(
  config: McpServerConfig,
  environment: Environment,
  report: (change: Change) => void,
): SupervisedServer {
  let process: ServerProcess | undefined;
  const stopping = new AbortController();
  const finished = supervise(config, environment, {
    report: (change) => {
      if (!stopping.signal.aborted) report(change);
    },
    onStart: (started) => {
      process = started;
    },
    stopping: stopping.signal,
  });
  return {
    finished,
    async stop() {
      stopping.abort();
      await process?.stop();
    },
  };
}

interface Supervision {
  readonly report: (change: Change) => void;
  readonly onStart: (process: ServerProcess) => void;
  readonly stopping: AbortSignal;
}

async function supervise(
  config: McpServerConfig,
  environment: Environment,
  supervision: Supervision,
): Promise<void> {
  const { report, stopping } = supervision;
  report({ state: "starting" });
  let prepared: PreparedServer;
  try {
    prepared = prepareServer(config, environment);
  } catch (error) {
    report(failure(error));
    return;
  }
  const isRun = config.transport !== "stdio" && config.command !== undefined;
  let failures = 0;
  for (let restarts = 0; !stopping.aborted; restarts++) {
    const startedAt = performance.now();
    const lastError = await runOnce(prepared, isRun, supervision);
    if (lastError === undefined) return;
    failures = performance.now() - startedAt > STABLE_MS ? 1 : failures + 1;
    if (!isRun || failures >= MAX_ATTEMPTS) {
      report({ state: "failed", pid: null, lastError });
      return;
    }
    report({ state: "starting", pid: null, lastError });
    await pause(pauseMs(failures), stopping);
    report({ restarts: restarts + 1 });
  }
}

/** @param failures in a row, at least one @returns how long to wait before the next attempt */
export function pauseMs(failures: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
}

/** @returns why it failed or ended; undefined when all is done */
async function runOnce(
  prepared: PreparedServer,
  isRun: boolean,
  { report, onStart }: Supervision,
): Promise<string | undefined> {
  let connected: ConnectedServer;
  try {
    connected = await connectServer(prepared, (process) => {
      onStart(process);
      if (isRun) report({ pid: process.pid });
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const { tools, startupMs, process } = connected;
  if (!isRun) await process?.stop();
  report({ state: "ready", tools, startupMs });
  return isRun && process !== undefined ? prepared.redact(await process.ended) : undefined;
}

/** What becomes of a server that could not be started or asked. */
export function failure(error: unknown): Change {
  const missingProgram = error instanceof NotStartable ? error.missingProgram : null;
  return {
    state: missingProgram === null ? "failed" : "missing-program",
    lastError: error instanceof Error ? error.message : String(error),
    missingProgram,
  };
}

function pause(durationMs: number, stopping: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, durationMs);
    stopping.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
