import { spawn } from "node:child_process";
import { lchownSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import {
  CONTAINER_PROGRAM,
  MCP_REPORT_FILE,
  MCP_REPORT_TARGET,
  SANDBOX_USER,
} from "../protocol/paths.ts";
import { replaceWithLink } from "./home-link.ts";
import { writeLog } from "../log.ts";
import type { Environment } from "./session-environment.ts";

/** After SIGTERM; then SIGKILL. */
const STOP_TIMEOUT_MS = 1_000;

/** The launcher, running in the background. */
export interface McpLauncher {
  /** Ends it and what it started. */
  stop(): Promise<void>;
}

/**
 * Starts the MCP launcher as the sandbox's user (SPEC-01.13 step 3, decision D8) and does not wait for
 * it. How it ends is logged and changes nothing else.
 */
export function startMcpServers(environment: Environment): McpLauncher {
  prepareReport();
  const child = spawn(CONTAINER_PROGRAM, ["mcp-launcher"], {
    env: environment,
    uid: SANDBOX_USER.uid,
    gid: SANDBOX_USER.gid,
    // A process group of its own, so that the servers it starts end with it.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      writeLog(`parhelia-mcp-launcher could not be started: ${error.message}`);
      resolve();
    });
    child.on("exit", (code, signal) => {
      if (code !== 0) writeLog(`parhelia-mcp-launcher ended with ${signal ?? `status ${code}`}`);
      resolve();
    });
  });
  return {
    async stop() {
      signalGroup(child.pid, "SIGTERM");
      const kill = setTimeout(() => signalGroup(child.pid, "SIGKILL"), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** The report lies in a directory of the user's, so that the launcher can replace it in one piece. */
function prepareReport(): void {
  const directory = dirname(MCP_REPORT_TARGET);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  lchownSync(directory, SANDBOX_USER.uid, SANDBOX_USER.gid);
  replaceWithLink(MCP_REPORT_FILE, MCP_REPORT_TARGET);
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The whole group has ended.
  }
}
