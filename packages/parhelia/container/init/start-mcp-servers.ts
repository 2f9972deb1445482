import { spawn } from "node:child_process";
import { lchownSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { MCP_CONFIG_FILE } from "../../src/volume/layout.ts";
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
  /** Has it read `mcp_config.json` again, where that changed. */
  reload(): void;
  /** Ends it and what it started. */
  stop(): Promise<void>;
}

/**
 * Starts the MCP launcher as the sandbox's user (SPEC-01.13 step 3, decision D8) and does not wait for
 * it. Until `resume` it is held: its own start would compete with the steps that lead to ready. How it
 * ends is logged and changes nothing else; where it has ended, `reload` starts it again.
 */
export function startMcpServers(environment: Environment): McpLauncher {
  prepareReport();
  let config = readConfig();
  let stopping = false;
  let launcher = launch();
  launcher.signal("SIGSTOP");

  function launch(): LauncherProcess {
    return startLauncher(environment, (how) => {
      if (stopping) return;
      // The file changed when it was about to end.
      if (how === "SIGHUP") launcher = launch();
      else if (how !== 0) {
        const status = typeof how === "number" ? `status ${how}` : how;
        writeLog(`parhelia-mcp-launcher ended with ${status}`);
      }
    });
  }

  return {
    resume: () => launcher.signal("SIGCONT"),
    reload() {
      const now = readConfig();
      if (stopping || now === config) return;
      config = now;
      if (launcher.isRunning()) launcher.signal("SIGHUP");
      else launcher = launch();
    },
    async stop() {
      stopping = true;
      launcher.signal("SIGTERM");
      launcher.signal("SIGCONT");
      const kill = setTimeout(() => launcher.signal("SIGKILL"), STOP_TIMEOUT_MS);
      await launcher.ended;
      clearTimeout(kill);
    },
  };
}

interface LauncherProcess {
  /** To its whole process group. */
  signal(name: NodeJS.Signals): void;
  isRunning(): boolean;
  readonly ended: Promise<void>;
}

/** @param onEnd is told its exit status, or the signal that ended it */
function startLauncher(
  environment: Environment,
  onEnd: (how: number | NodeJS.Signals) => void,
): LauncherProcess {
  const child = spawn(MCP_LAUNCHER_PROGRAM, [], {
    env: environment,
    uid: SANDBOX_USER.uid,
    gid: SANDBOX_USER.gid,
    // A process group of its own, so that the servers it starts end with it.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  // Its number may be another's once the launcher has ended.
  let running = true;
  const ended = new Promise<void>((resolve) => {
    child.on("error", (error) => {
      writeLog(`parhelia-mcp-launcher could not be started: ${error.message}`);
      running = false;
      resolve();
    });
    child.on("exit", (code, endedBy) => {
      running = false;
      onEnd(endedBy ?? code ?? 0);
      resolve();
    });
  });
  return {
    signal(name) {
      if (running && child.pid !== undefined) process.kill(-child.pid, name);
    },
    isRunning: () => running,
    ended,
  };
}

/** Undefined where there is none. */
function readConfig(): string | undefined {
  try {
    return readFileSync(MCP_CONFIG_FILE, "utf8");
  } catch {
    return undefined;
  }
}

/** The report lies in a directory of the user's, so that the launcher can replace it in one piece. */
function prepareReport(): void {
  const directory = dirname(MCP_REPORT_TARGET);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  lchownSync(directory, SANDBOX_USER.uid, SANDBOX_USER.gid);
  rmSync(MCP_REPORT_TARGET, { force: true });
  replaceWithLink(MCP_REPORT_FILE, MCP_REPORT_TARGET);
}
