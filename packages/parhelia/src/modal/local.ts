import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  EmulatorStartError,
  endEmulator,
  ensureEmulator,
  findEmulator,
  type EmulatorAccess,
  type EnsureOptions,
} from "modal-emulator";
import type {
  EngineCandidate,
  PruneOptions,
  Removed,
  StateDescription,
} from "modal-emulator/admin";
import { SystemError, UserError } from "../errors.ts";

export type { EmulatorAccess, EngineCandidate, Removed, StateDescription };

/** How the emulator on this machine is doing. */
export interface LocalStatus extends StateDescription {
  readonly stateDirectory: string;
  /** Undefined while no emulator runs; sandboxes may run all the same. */
  readonly emulator: { readonly serverUrl: string; readonly pid: number } | undefined;
}

/** Where the emulator keeps its state: below `XDG_STATE_HOME`, default `~/.local/state`. */
export function localStateDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "parhelia", "local");
}

/**
 * The emulator of this user, started where none runs. It goes on when this process ends.
 * @throws SystemError when it does not start
 */
export async function ensureLocalEmulator(): Promise<EmulatorAccess> {
  try {
    return await ensureEmulator({
      stateDirectory: localStateDirectory(),
      program: emulatorProgram(),
      ...localVolumes(),
    });
  } catch (error) {
    if (!(error instanceof EmulatorStartError)) throw error;
    throw new SystemError(error.message, {
      hint: `look at ${join(localStateDirectory(), "emulator.log")}, then try again`,
      cause: error,
    });
  }
}

/**
 * What sandboxes on this machine see of the volume, by `PARHELIA_LOCAL_VOLUMES`: `committed`, as on Modal, or
 * `direct`, which is quicker. Default: as the emulator that runs has it, otherwise direct.
 */
function localVolumes(env: NodeJS.ProcessEnv = process.env): Pick<EnsureOptions, "volumes"> {
  const volumes = env["PARHELIA_LOCAL_VOLUMES"] || undefined;
  if (volumes === undefined) return {};
  if (volumes === "direct" || volumes === "committed") return { volumes };
  throw new UserError(`PARHELIA_LOCAL_VOLUMES is '${volumes}'`, {
    hint: "set it to `committed` (as on Modal) or `direct`, or unset it",
  });
}

/** Loaded when it is asked for: it brings the engine's client, which no everyday command needs. */
const admin = () => import("modal-emulator/admin");

/** Every place where a container engine was looked for, and what was found there. */
export async function checkLocalEngine(): Promise<EngineCandidate[]> {
  return (await admin()).surveyEngines();
}

/**
 * Why no sandbox on this machine can have a GPU, or undefined where one can. Without the emulator.
 * @throws SystemError when no container engine answers
 */
export async function lackingLocalGpu(): Promise<string | undefined> {
  return withEngineHint(async ({ findEngine, lackingGpuRuntime }) =>
    lackingGpuRuntime(await findEngine()),
  );
}

/** What the emulator holds, whether it runs or not. */
export async function localStatus(): Promise<LocalStatus> {
  const stateDirectory = localStateDirectory();
  const found = await findEmulator(stateDirectory);
  const { describeState } = await admin();
  return {
    stateDirectory,
    emulator: found === undefined ? undefined : { serverUrl: found.serverUrl, pid: found.pid },
    ...describeState(stateDirectory),
  };
}

/**
 * Ends all sandboxes on this machine, then the emulator.
 * @returns how many sandboxes were ended, and whether an emulator ran
 */
export async function stopLocal(): Promise<{ sandboxes: number; emulator: boolean }> {
  const emulator = await endEmulator(localStateDirectory());
  const sandboxes = await withEngineHint(({ stopAll }) => stopAll(localStateDirectory()));
  return { sandboxes, emulator };
}

/** Removes what the emulator made in the engine and no running sandbox needs. */
export async function pruneLocal(options: PruneOptions): Promise<Removed> {
  const removed = await withEngineHint(({ pruneState }) =>
    pruneState(localStateDirectory(), options),
  );
  const { runningSandboxes } = (await admin()).describeState(localStateDirectory());
  const stillRunning = runningSandboxes.length > 0;
  if (stillRunning) await ensureLocalEmulator(); // it keeps their time limits
  return removed;
}

/** What to do when no engine answers; said in one way everywhere. */
export const ENGINE_HINT =
  "start Docker (or podman's socket), or set DOCKER_HOST; `parhelia doctor` shows where it was looked for";

async function withEngineHint<T>(
  work: (tools: Awaited<ReturnType<typeof admin>>) => Promise<T>,
): Promise<T> {
  const tools = await admin();
  try {
    return await work(tools);
  } catch (error) {
    if (!(error instanceof tools.NoEngineError)) throw error;
    throw new SystemError(error.message, { hint: ENGINE_HINT, cause: error });
  }
}

/** The emulator's program, built beside this package or installed as its dependency. */
function emulatorProgram(): string {
  const packageEntry = fileURLToPath(import.meta.resolve("modal-emulator/package.json"));
  const program = join(dirname(packageEntry), "dist", "main.js");
  if (!existsSync(program)) {
    throw new SystemError(`the emulator is not built: ${program} is missing`, {
      hint: "npm run build",
    });
  }
  return program;
}
