import type Docker from "dockerode";
import { engineStatus, ignoreStatus } from "./engine-errors.ts";

/** How long a removal that somebody else began may take. */
const PATIENCE_MS = 30_000;

/**
 * Removes a container, running or not, with its anonymous volumes. Afterwards there is none, and what it mounted is
 * free, even where somebody else had begun to remove it; content where there is none.
 * @throws the engine's error, or an AbortError where the other's removal takes more than 30 s
 */
export async function removeContainer(docker: Docker, nameOrId: string): Promise<void> {
  const container = docker.getContainer(nameOrId);
  try {
    await ignoreStatus([404], container.remove({ force: true, v: true }));
  } catch (error) {
    if (engineStatus(error) !== 409) throw error;
    const abortSignal = AbortSignal.timeout(PATIENCE_MS);
    await ignoreStatus([404], container.wait({ condition: "removed", abortSignal }));
  }
}
