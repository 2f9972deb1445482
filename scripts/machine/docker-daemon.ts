import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findEngine, NoEngineError, type Engine } from "modal-emulator/admin";
import { CommandError, findProgram, lastLines, runCommand } from "./commands.ts";

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 200;

/** Where dockerd itself writes its process id; one that is there keeps another from starting. */
const PID_FILE = "/var/run/docker.pid";

/** An engine that this program has started. */
export interface StartedEngine {
  readonly pid: number;
  /** Ends the engine and waits until it has gone. */
  stop(): Promise<void>;
}

/**
 * Starts Debian's docker and waits until it answers: as a service where systemd runs, otherwise by hand
 * in a session of its own, so that it outlives the terminal.
 *
 * @param asRoot words before a command that needs root
 * @returns `started` is undefined for a service: it is the machine's own from then on
 * @throws CommandError with the end of the engine's log, when it does not come up within 60 s
 */
export async function startDocker(
  asRoot: readonly string[],
): Promise<{ engine: Engine; started: StartedEngine | undefined }> {
  if (existsSync("/run/systemd/system")) {
    await runCommand([...asRoot, "systemctl", "start", "docker"]);
    return { engine: await waitForEngine(() => undefined), started: undefined };
  }
  if (livingDaemon() === undefined) await runCommand([...asRoot, "rm", "-f", PID_FILE]);
  const log = dockerLogFile();
  const child = spawnDaemon(asRoot, log);
  const engine = await waitForEngine(() => {
    if (child.exitCode === null && child.signalCode === null) return undefined;
    return `dockerd ended with ${child.exitCode ?? child.signalCode ?? "no status"}; its log ${log} ends with:\n${lastLines(readFileSync(log, "utf8"))}`;
  });
  const pid = livingDaemon() ?? child.pid;
  if (pid === undefined) throw new CommandError("dockerd answers, but has no process id");
  return { engine, started: { pid, stop: () => stopDaemon(pid, asRoot) } };
}

/** Ends a dockerd by its process id and waits until it has gone; one that has gone already is fine. */
export async function stopDaemon(pid: number, asRoot: readonly string[]): Promise<void> {
  if (livingDaemon() !== pid) return;
  await runCommand([...asRoot, "kill", "-TERM", String(pid)]);
  const deadlineMs = Date.now() + STOP_TIMEOUT_MS;
  while (isDaemon(pid)) {
    if (Date.now() > deadlineMs) {
      throw new CommandError(
        `dockerd (process ${pid}) did not end within ${STOP_TIMEOUT_MS / 1000} s`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** The log of a dockerd that was started by hand. */
export function dockerLogFile(): string {
  const state = process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state");
  const folder = join(state, "parhelia", "engine");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, "dockerd.log");
}

function spawnDaemon(asRoot: readonly string[], log: string): ChildProcess {
  const dockerd = findProgram("dockerd") ?? "dockerd";
  // A user who is not root may use the engine that was started for them.
  const group = asRoot.length === 0 ? [] : ["--group", String(process.getgid?.() ?? 0)];
  const [program = "", ...args] = [...asRoot, dockerd, ...group];
  const output = openSync(log, "a", 0o600);
  const child = spawn(program, args, {
    detached: true,
    stdio: ["ignore", output, output],
    cwd: "/",
  });
  child.once("error", () => undefined);
  child.unref();
  closeSync(output);
  return child;
}

async function waitForEngine(failed: () => string | undefined): Promise<Engine> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      return await findEngine();
    } catch (error) {
      if (!(error instanceof NoEngineError)) throw error;
      const failure = failed();
      if (failure !== undefined) throw new CommandError(failure, { cause: error });
      if (Date.now() > deadlineMs) {
        throw new CommandError(
          `the container engine did not answer within ${START_TIMEOUT_MS / 1000} s: ${error.message}`,
          { cause: error },
        );
      }
    }
    await sleep(POLL_MS);
  }
}

/** The process id in dockerd's file, when that process is a dockerd: the file outlives a crash. */
function livingDaemon(): number | undefined {
  if (!existsSync(PID_FILE)) return undefined;
  const pid = Number(readFileSync(PID_FILE, "utf8").trim());
  return isDaemon(pid) ? pid : undefined;
}

/** Whether the process runs and is a dockerd; one that has ended may stay in the table, as a zombie. */
function isDaemon(pid: number): boolean {
  try {
    return /\(dockerd\) [^ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
