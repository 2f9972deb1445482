import type { CheckpointResult } from "../../container/protocol/checkpoint.ts";
import { CONTAINER_PROGRAM } from "../../container/protocol/paths.ts";
import { SystemError, UserError } from "../errors.ts";
import type { Connection } from "../modal/connection.ts";
import { runInSandbox } from "./exec.ts";
import { requireSession } from "./session.ts";
import { trySnapshot } from "./snapshots.ts";

/** What is taken with a checkpoint. */
export interface CheckpointOptions {
  /** Default: `parhelia-vol`. */
  readonly volumeName?: string | undefined;
  /** Take a filesystem snapshot, too; one that fails is a warning (SPEC-01.15 (3)). Default: no. */
  readonly snapshot?: boolean | undefined;
}

/**
 * Takes a checkpoint of a session that runs, now, and commits it.
 * @throws UserError when no such session runs, or not all of its project has come to it
 * @throws SystemError when it fails; the session goes on and has its earlier checkpoints
 */
export async function checkpointSession(
  connection: Connection,
  name: string,
  options: CheckpointOptions = {},
): Promise<CheckpointResult> {
  const sandbox = await requireSession(connection, name);
  const command = [CONTAINER_PROGRAM, "checkpoint", "--reason", "request", "--commit"];
  const { stdout, stderr, exitStatus } = await runInSandbox({ sandbox }, command, { cwd: "/" });
  const result = requireCheckpoint(name, stdout, stderr, exitStatus);
  if (options.snapshot === true) {
    await trySnapshot(connection, name, sandbox, options.volumeName);
  }
  return result;
}

/** What a checkpoint printed; undefined where it is none. */
export function readResult(stdout: string): CheckpointResult | undefined {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  return line.startsWith("{") ? (JSON.parse(line) as CheckpointResult) : undefined;
}

/**
 * What a checkpoint printed.
 * @throws SystemError when it is none, or says that it failed
 * @throws UserError when it came too early
 */
export function requireCheckpoint(
  name: string,
  stdout: string,
  stderr: string,
  exitStatus: number,
): CheckpointResult {
  const result = readResult(stdout);
  if (result?.ok === true && result.id !== null) return result;
  if (stderr.includes("unknown sub-command")) {
    throw new SystemError(`the sandbox of ${name} is older than checkpoints are`, {
      hint: `parhelia stop ${name} --force ends it without one; parhelia image build, for the next ones`,
    });
  }
  if (result?.isTooEarly === true) {
    throw new UserError(`not all of the project of session ${name} has come to the volume`, {
      hint: `where parhelia up was cut off: parhelia stop ${name}, then the same parhelia up brings it again`,
    });
  }
  const why = result?.error ?? (stderr.trim() || `it ended with status ${exitStatus}`);
  throw new SystemError(`no checkpoint of ${name} could be taken: ${why}`, {
    hint: `the session goes on; parhelia logs ${name} may say more`,
  });
}
