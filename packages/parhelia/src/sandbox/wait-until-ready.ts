import { SystemError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { isUnreachable } from "../modal/errors.ts";
import { waitForEnd, type Sandbox } from "../modal/sandboxes.ts";
import { MINUTE_MS } from "../units.ts";
import { readInitReport } from "./init-report.ts";
import { untilAborted } from "./until-aborted.ts";

/** A start takes seconds on Modal; this is for one that hangs. */
const READY_TIMEOUT_MS = 5 * MINUTE_MS;

/** Lines of output that an error shows. */
const TAIL_LINES = 20;

/**
 * Waits for the ready marker. When an init step fails, when the time is up or the signal is aborted, the
 * sandbox is ended first and then the reason thrown: nothing stays behind.
 * @param ready resolves when it is. Default: when its readiness probe succeeds
 * @throws SystemError with the failing step and what it printed; the SDK's own error when the target does
 * not answer any more, and the sandbox may run on
 */
export async function waitUntilReady(
  connection: Connection,
  sandbox: Sandbox,
  signal?: AbortSignal,
  ready: () => Promise<void> = () => sandbox.waitUntilReady(READY_TIMEOUT_MS),
): Promise<void> {
  const giveUp = new AbortController();
  try {
    const outcome = await untilAborted(
      signal,
      Promise.race([
        ready().then(() => "ready" as const),
        waitForEnd(connection, sandbox, giveUp.signal).then(() => "ended" as const),
      ]),
    );
    if (outcome === "ended") await failStart(sandbox, undefined);
  } catch (error) {
    if (error instanceof SystemError) throw error;
    if (signal?.aborted === true) {
      await sandbox.terminate({ wait: true });
      throw error;
    }
    await failStart(sandbox, error);
  } finally {
    giveUp.abort();
  }
}

async function failStart(sandbox: Sandbox, cause: unknown): Promise<never> {
  await sandbox.terminate({ wait: true }).catch((error: unknown) => {
    if (isUnreachable(error)) throw error; // nothing is known of the sandbox then
  });
  const [stdout, stderr] = await Promise.all([
    sandbox.stdout.readText().catch(() => ""),
    sandbox.stderr.readText().catch(() => ""),
  ]);
  const { failure } = readInitReport(stdout);
  const output =
    failure === undefined ? tail(`${stdout}\n${stderr}`) : `${failure.output}\n${stderr}`;
  const what =
    failure === undefined
      ? "the sandbox ended before it was ready"
      : `init step ${failure.step} failed`;
  throw new SystemError(`${what}:\n${output.trim()}`, {
    hint: "mend what the lines above say; `parhelia image build` rebuilds the image",
    cause,
  });
}

function tail(text: string): string {
  return text.trim().split("\n").slice(-TAIL_LINES).join("\n");
}
