import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import type { SyncOutcome } from "../../container/protocol/sync.ts";
import { SystemError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import type { App, Image, Sandbox, Volume } from "../modal/sandboxes.ts";
import { HOUR_MS } from "../units.ts";
import { VOLUME_ROOT } from "../volume/layout.ts";
import { untilAborted } from "./until-aborted.ts";

/** What the sandbox of a sync is made from. */
export interface SyncPlace {
  readonly app: App;
  /** Of any variant: it has the program that takes the sync. */
  readonly image: Image;
}

/** For the longest upload; as a rule it ends within a second, and 30 s after its input falls silent. */
const TIMEOUT_MS = HOUR_MS;

const RESOURCES = { cpu: 1, memoryMiB: 512 };

/**
 * Sends a sync to a sandbox of its own, which has the volume and nothing else to do: no session is in its
 * way, and it ends by itself, also when this process does not get to tell it.
 *
 * @throws SystemError when the sandbox ends without an answer; what the pieces throw; the signal's reason
 */
export async function sendSync(
  connection: Connection,
  { app, image }: SyncPlace,
  volume: Volume,
  pieces: ReadableStream<Buffer>,
  signal?: AbortSignal,
): Promise<SyncOutcome> {
  const sandbox = await connection.client.sandboxes.create(app, image, {
    ...RESOURCES,
    blockNetwork: true,
    command: [CONTAINER_PROGRAM, "apply-sync"],
    volumes: { [VOLUME_ROOT]: volume },
    timeoutMs: TIMEOUT_MS,
    tags: { "parhelia-task": "sync" },
  });
  let outcome: SyncOutcome | undefined;
  try {
    // Typed for text by the SDK, which passes bytes on as they are.
    const fed = pieces.pipeTo(sandbox.stdin as unknown as WritableStream<Buffer>);
    // It would wait for the rest, and so would we for its answer.
    fed.catch(() => sandbox.terminate()).catch(() => undefined);
    outcome = await untilAborted(signal, readOutcome(sandbox));
    if (outcome !== undefined) return outcome;
    await fed;
    throw await explainEnd(sandbox);
  } finally {
    if (outcome === undefined) await sandbox.terminate().catch(() => undefined); // it may have ended
  }
}

/** The line that the sandbox answers with; undefined when it ends without one. */
async function readOutcome({ stdout }: Sandbox): Promise<SyncOutcome | undefined> {
  let text = "";
  for await (const chunk of stdout) {
    text += chunk;
    const end = text.indexOf("\n");
    if (end >= 0) return JSON.parse(text.slice(0, end)) as SyncOutcome;
  }
  return undefined;
}

async function explainEnd(sandbox: Sandbox): Promise<SystemError> {
  const [status, stderr] = await Promise.all([sandbox.wait(), sandbox.stderr.readText()]);
  return new SystemError(
    `the sandbox that takes the sync ended with status ${status}: ${stderr.trim() || "it says nothing"}`,
    {
      hint: "the volume is as it was; `parhelia image build` if the image is an old one, then try again",
    },
  );
}
