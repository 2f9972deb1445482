import type { CheckpointResult } from "../../container/protocol/checkpoint.ts";
import { END_ORDER } from "../../container/protocol/end-session.ts";
import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import { ParheliaError, SystemError } from "../errors.ts";
import { logLine } from "../log.ts";
import type { Connection } from "../modal/connection.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import { VOLUME_ROOT } from "../volume/layout.ts";
import { requireVolume } from "../modal/volumes.ts";
import { readResult, requireCheckpoint } from "./checkpoint-session.ts";
import { readLine } from "./read-line.ts";
import { requireSession } from "./session.ts";
import { trySnapshot } from "./snapshots.ts";
import { readStoredState } from "./stored-checkpoints.ts";

export interface StopOptions {
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
  /** End the sandbox also when its session could not be saved. Default: let it go on. */
  readonly force?: boolean | undefined;
  /** Take a filesystem snapshot, too; one that fails is a warning (SPEC-01.15 (3)). Default: no. */
  readonly snapshot?: boolean | undefined;
}

/**
 * Ends a session: takes a checkpoint while its work stands still, looks whether the volume has it, ends the
 * MCP servers, then ends the sandbox and waits until it has gone (SPEC-01, shutdown sequence; decision D9).
 *
 * @returns the checkpoint; one that `isTooEarly` where not all of the session's project had come: nothing is lost
 * then; undefined when there is none and the end was forced
 * @throws UserError when no such session runs
 * @throws SystemError when the session could not be saved: it goes on as it was
 */
export async function stopSession(
  connection: Connection,
  name: string,
  options: StopOptions = {},
): Promise<CheckpointResult | undefined> {
  const sandbox = await requireSession(connection, name);
  let saved: CheckpointResult | undefined;
  try {
    saved = await saveSession(connection, name, sandbox, options.volumeName ?? "parhelia-vol");
  } catch (error) {
    if (options.force !== true) throw withForceHint(name, error);
    logLine(`warning: ${error instanceof Error ? error.message : String(error)}`);
    const flush = await sandbox.exec(["sync", VOLUME_ROOT]);
    await flush.wait();
  }
  if (options.snapshot === true && saved?.isTooEarly === false) {
    await trySnapshot(connection, name, sandbox, options.volumeName);
  }
  await sandbox.terminate({ wait: true });
  return saved;
}

/** Leaves the session standing still, its MCP servers ended; or as it was, when something fails. */
async function saveSession(
  connection: Connection,
  name: string,
  sandbox: Sandbox,
  volumeName: string,
): Promise<CheckpointResult> {
  const [volume, ending] = await Promise.all([
    requireVolume(connection, volumeName),
    sandbox.exec([CONTAINER_PROGRAM, "end-session"]),
  ]);
  const { line, rest } = await readLine(ending.stdout);
  if (line === "") {
    const [stderr, status] = await Promise.all([ending.stderr.readText(), ending.wait()]);
    return requireCheckpoint(name, line, stderr, status);
  }
  const found = readResult(line);
  const result = found?.isTooEarly === true ? found : requireCheckpoint(name, line, "", 1);
  const mayEnd =
    result.isTooEarly ||
    (await readStoredState(connection, volume, name, result.id ?? "")) !== undefined;
  const writer = ending.stdin.getWriter();
  if (mayEnd) await writer.write(`${END_ORDER}\n`);
  await writer.close();
  await Promise.all([ending.wait(), rest]);
  if (mayEnd) return result;
  throw new SystemError(`the checkpoint ${result.id} of ${name} did not arrive on ${volumeName}`, {
    hint: `the session goes on; parhelia checkpoint ls ${name} shows what is there`,
  });
}

function withForceHint(name: string, error: unknown): unknown {
  if (!(error instanceof ParheliaError)) return error;
  const hint = `${name} was not ended; parhelia stop ${name} --force ends it without a checkpoint`;
  return new SystemError(error.message, { hint, cause: error });
}
