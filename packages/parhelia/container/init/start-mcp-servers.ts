import { spawn } from "node:child_process";
import { lchownSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import {
  MCP_LAUNCHER_PROGRAM,
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
  /** Lets it work. */
  resume(): void;
  /** Ends it and what it started. */
  stop(): Promise<void>;
}

/**
 * Starts the MCP launcher as the sandbox's user (SPEC-01.13 step 3, decision D8) and does not wait for
 * it. Until `resume` it is held: its own start would compete with the steps that lead to ready. How it
 * ends is logged and changes nothing else.
 */
export function startMcpServers(environment: Environment): McpLauncher {
  prepareReport();
  const child = spawn(MCP_LAUNCHER_PROGRAM, [], {
    env: environment,
    uid: SANDBOX_USER.uid,
    gid: SANDBOX_USER.gid,
    // A process group of its own, so that the servers it starts end with it.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  let running = true;
  let stopping = false;
  /** To the launcher's whole process group; its number may be another's once the launcher has ended. */
  const signal = (name: NodeJS.Signals) => {
    if (running && child.pid !== undefined) process.kill(-child.pid, name);
  };
  signal("SIGSTOP");
  const ended = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      writeLog(`parhelia-mcp-launcher could not be started: ${error.message}`);
      running = false;
      resolve();
    });
    child.on("exit", (code, endedBy) => {
      running = false;
      if (code !== 0 && !stopping)
        writeLog(`parhelia-mcp-launcher ended with ${endedBy ?? `status ${code}`}`);
      resolve();
    });
  });
  return {
    resume: () => signal("SIGCONT"),
    async stop() {
      stopping = true;
      signal("SIGTERM");
      signal("SIGCONT");
      const kill = setTimeout(() => signal("SIGKILL"), STOP_TIMEOUT_MS);
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
  rmSync(MCP_REPORT_TARGET, { force: true });
  replaceWithLink(MCP_REPORT_FILE, MCP_REPORT_TARGET);
}
