import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import type Docker from "dockerode";
import { engineStatus } from "./engine-errors.ts";

/** A process that the engine runs in a container, and the connection to its streams. */
export interface EngineExec {
  readonly exec: Docker.Exec;
  readonly socket: Duplex;
}

/** How such a process is. */
export interface EngineExecState {
  readonly running: boolean;
  /** False where the engine could not even start it. */
  readonly started: boolean;
  /** Undefined while it runs. */
  readonly exitCode: number | undefined;
}

/** What a process has that went down with its container: killed. */
const KILLED = 128 + 9;

/** Starts a process in a running container. Two calls, of which none waits for the process. */
export async function startEngineExec(
  docker: Docker,
  containerName: string,
  options: Docker.ExecCreateOptions,
): Promise<EngineExec> {
  const exec = await docker.getContainer(containerName).exec({
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    ...options,
  });
  const start = { hijack: true, stdin: true, Tty: options.Tty ?? false };
  const socket = await exec.start(start);
  // Who reads it learns of a broken connection; nobody may be reading any more.
  socket.on("error", () => undefined);
  return { exec, socket };
}

/** Asks the engine how the process is. */
export async function inspectEngineExec(exec: Docker.Exec): Promise<EngineExecState> {
  try {
    const { Running, ExitCode, Pid } = await exec.inspect();
    return {
      running: Running,
      started: Pid !== 0,
      exitCode: Running ? undefined : (ExitCode ?? undefined),
    };
  } catch (error) {
    // The container is gone, and its processes with it.
    if (engineStatus(error) !== 404 && engineStatus(error) !== 409) throw error;
    return { running: false, started: true, exitCode: KILLED };
  }
}

/** Reads a process's output, which nobody wants, to its end: that of the process. */
export async function drain(socket: Duplex): Promise<void> {
  socket.resume();
  await finished(socket, { writable: false });
}
