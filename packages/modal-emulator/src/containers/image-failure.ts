import { DockerfileError } from "./dockerfile-words.ts";
import { isEngineGone } from "./engine-connection.ts";
import { engineMessage, engineStatus } from "./engine-errors.ts";

/** What a build says that died with its emulator. */
export const INTERRUPTED = "the emulator ended during the build; run it again";

/** What a build says that was interrupted by all who waited for it. */
export const ABANDONED = "nobody waited for the build any more; run it again";

/** Why a build failed, for its user: which step, what it printed, what to do. */
export function describeFailure(error: unknown): string {
  const text = describe(error);
  if (!/no space left on device|ENOSPC/i.test(text)) return text;
  return (
    "No space left on device. Free some where the container engine keeps its data " +
    `(docker system df shows what takes it), then run the build again.\n${text}`
  );
}

/** Whether the failure is neither the layer's author's nor the engine's, but our mistake. */
export function isOwnMistake(error: unknown): boolean {
  const known = error instanceof DockerfileError || isEngineGone(error);
  return !known && engineStatus(error) === undefined;
}

function describe(error: unknown): string {
  if (!isEngineGone(error)) return engineMessage(error);
  const code = (error as NodeJS.ErrnoException).code ?? "no answer";
  return `the container engine stopped answering during the build (${code}); start it and run the build again`;
}
