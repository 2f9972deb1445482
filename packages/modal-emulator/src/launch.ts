import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readServerFile, type ServerFile, type VolumeMode } from "./server-file.ts";
import type { Credentials } from "./state/store.ts";

const START_TIMEOUT_MS = 15_000;
const END_TIMEOUT_MS = 15_000;
const POLL_MS = 10;
const LOG_TAIL_LINES = 15;

/** What a Modal client needs to speak to a running emulator. */
export interface EmulatorAccess {
  /** For `MODAL_SERVER_URL`. */
  readonly serverUrl: string;
  readonly tokenId: string;
  readonly tokenSecret: string;
  readonly pid: number;
}

/** Where the emulator's state and program are. */
export interface EnsureOptions {
  readonly stateDirectory: string;
  /** The emulator's program, `dist/main.js`. */
  readonly program: string;
  /** The port that it has to listen on; default: the one it had before, or any free one. */
  readonly port?: number;
  /** What sandboxes see of a volume. Default: as the emulator that runs has it, or directly. */
  readonly volumes?: VolumeMode;
}

/** The emulator's process ended or did not answer in time; the message carries the end of its log. */
export class EmulatorStartError extends Error {
  override readonly name = "EmulatorStartError";
}

/**
 * The emulator of the state directory: the one that runs, or a new process that outlives this one.
 * An emulator of another build or with other volumes is replaced; its sandboxes go on.
 * @throws EmulatorStartError when it does not come up within 15 s
 */
export async function ensureEmulator(options: EnsureOptions): Promise<EmulatorAccess> {
  const running = await findRunning(options.stateDirectory);
  if (running !== undefined) {
    const { program, volumes = running.volumes } = options;
    if (running.build === buildOf(program) && running.volumes === volumes) {
      return access(options.stateDirectory, running);
    }
    await endEmulator(options.stateDirectory);
  }
  const child = spawnEmulator(options);
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadlineMs) {
    const found = await findEmulator(options.stateDirectory);
    if (found !== undefined) return found;
    // Ended with 0: another process was quicker to serve the directory, and is about to say where.
    if (child.exitCode !== null && child.exitCode !== 0) break;
    await sleep(POLL_MS);
  }
  throw new EmulatorStartError(
    `the emulator did not start; its log ends with:\n${logTail(options.stateDirectory)}`,
  );
}

/** The emulator that serves the state directory now, if there is one. */
export async function findEmulator(stateDirectory: string): Promise<EmulatorAccess | undefined> {
  const running = await findRunning(stateDirectory);
  return running === undefined ? undefined : access(stateDirectory, running);
}

/**
 * Ends the emulator's process and waits until it has gone; sandboxes are not touched.
 * @returns whether there was one
 */
export async function endEmulator(stateDirectory: string): Promise<boolean> {
  const running = await findRunning(stateDirectory);
  if (running === undefined) return false;
  process.kill(running.pid, "SIGTERM");
  const deadlineMs = Date.now() + END_TIMEOUT_MS;
  while (isAlive(running.pid)) {
    if (Date.now() > deadlineMs) process.kill(running.pid, "SIGKILL");
    await sleep(POLL_MS);
  }
  return true;
}

function spawnEmulator(options: EnsureOptions): ChildProcess {
  mkdirSync(options.stateDirectory, { recursive: true, mode: 0o700 });
  const log = openSync(logFile(options.stateDirectory), "a", 0o600);
  const args = [options.program, "serve", "--state", options.stateDirectory];
  if (options.port !== undefined) args.push("--port", String(options.port));
  if (options.volumes !== undefined) args.push("--volumes", options.volumes);
  const child = spawn(process.execPath, args, {
    // A session of its own: it has to survive the terminal that this command was typed in.
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  child.unref();
  closeSync(log);
  return child;
}

function access(stateDirectory: string, server: RunningServer): EmulatorAccess {
  const credentials = JSON.parse(
    readFileSync(join(stateDirectory, "credentials.json"), "utf8"),
  ) as Credentials;
  return {
    serverUrl: `http://127.0.0.1:${server.port}`,
    tokenId: credentials.tokenId,
    tokenSecret: credentials.tokenSecret,
    pid: server.pid,
  };
}

type RunningServer = ServerFile & { readonly pid: number };

/** The process that serves the state directory: one that lives, and whose port accepts. */
async function findRunning(stateDirectory: string): Promise<RunningServer | undefined> {
  const server = readServerFile(stateDirectory);
  if (server?.pid === undefined || !isAlive(server.pid)) return undefined;
  // A process id alone may be another program's by now.
  return (await accepts(server.port)) ? { ...server, pid: server.pid } : undefined;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch {
    return false;
  }
}

/** Whether the process has ended, and its parent has not asked how: in a container, that may last for ever. */
function isZombie(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && /\) Z /.test(readFileSync(file, "utf8"));
}

function buildOf(program: string): string {
  const { mtimeMs, size } = statSync(program);
  return `${Math.trunc(mtimeMs)}-${size}`;
}

/** The log of the emulator's own process. */
export function logFile(stateDirectory: string): string {
  return join(stateDirectory, "emulator.log");
}

function logTail(stateDirectory: string): string {
  try {
    const lines = readFileSync(logFile(stateDirectory), "utf8").trimEnd().split("\n");
    return lines.slice(-LOG_TAIL_LINES).join("\n");
  } catch {
    return "(no log)";
  }
}
