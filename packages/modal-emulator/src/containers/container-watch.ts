import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import { isEngineGone, type EngineConnection } from "./engine-connection.ts";
import { engineStatus } from "./engine-errors.ts";

/** How a container was found at its end. */
export type ContainerEnd =
  | { readonly kind: "exited"; readonly exitCode: number; readonly outOfMemory: boolean }
  /** It was created and never started, since the emulator was killed in between. */
  | { readonly kind: "never-started" }
  | { readonly kind: "missing" };

const BACKOFF_SHORTEST_MS = 100;
const BACKOFF_LONGEST_MS = 2_000;

/** How long to wait before the next attempt after so many failed ones. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_LONGEST_MS, BACKOFF_SHORTEST_MS * 2 ** Math.min(failures, 10));
}

/**
 * Waits for a container's end, through restarts of the engine and as long as it takes.
 * @param isStarted it was started just now: then there is nothing to look at first
 * @param onRunning called whenever it was looked at and runs, also after the engine was away
 * @throws AbortError when `signal` is aborted
 */
export async function waitForContainerEnd(
  connection: EngineConnection,
  containerName: string,
  isStarted: boolean,
  onRunning: (docker: Docker) => void,
  signal: AbortSignal,
): Promise<ContainerEnd> {
  let skipLook = isStarted;
  for (let failures = 0; ; failures++) {
    try {
      const { docker } = await connection.get();
      const container = docker.getContainer(containerName);
      for (;;) {
        if (!skipLook) {
          const end = await look(container, signal);
          if (end !== undefined) return end;
          onRunning(docker);
        }
        skipLook = false;
        failures = 0;
        await waitForExit(docker, containerName, signal);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (engineStatus(error) === 404) return { kind: "missing" };
      if (isEngineGone(error)) connection.forget();
      await delay(backoffMs(failures), undefined, { signal });
    }
  }
}

/**
 * Waits until the container no longer runs. The client's own `wait` would never return when the engine
 * goes away: it has answered with the head of its response by then, and the client waits for the rest.
 */
async function waitForExit(
  docker: Docker,
  containerName: string,
  signal: AbortSignal,
): Promise<void> {
  const request = {
    path: `/containers/${containerName}/wait?`,
    method: "POST",
    isStream: true,
    statusCodes: { 200: true, 404: "no such container", 500: "server error" },
    abortSignal: signal,
  };
  const response = await new Promise<Readable>((resolve, reject) => {
    (docker.modem as Modem).dial(request, (error, answer) => {
      if (error === null) resolve(answer);
      else reject(error);
    });
  });
  await finished(response.resume());
}

/** The part of the client library's transport that is used here; it comes without types. */
interface Modem {
  dial(request: object, callback: (error: Error | null, answer: Readable) => void): void;
}

async function look(
  container: Docker.Container,
  signal: AbortSignal,
): Promise<ContainerEnd | undefined> {
  const { State } = await container.inspect({ abortSignal: signal });
  if (State.Running) return undefined;
  if (State.Status === "created") return { kind: "never-started" };
  return { kind: "exited", exitCode: State.ExitCode, outOfMemory: State.OOMKilled };
}
