import { posix } from "node:path";
import { Readable, type Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import type Docker from "dockerode";
import { ServerError, Status } from "nice-grpc";
import tar from "tar-stream";
import { attachToContainer } from "./engine-attach.ts";
import { inspectEngineExec, startEngineExec } from "./engine-exec.ts";
import { engineStatus, ignoreStatus } from "./engine-errors.ts";
import { removeContainer } from "./remove-container.ts";
import {
  KEEPER_COMMITTED,
  KEEPER_CONTROL,
  KEEPER_SCRIPT,
  KEEPER_VIEWS,
  REQUEST_PROGRAM,
  REQUEST_SCRIPT,
  SANDBOX_CONTROL,
  SYNC_SCRIPT,
} from "./keeper-scripts.ts";
import { labels, SANDBOX_LABEL, type Kind } from "./labels.ts";

/** A volume's place in a sandbox. */
export interface VolumeBind {
  /** Name of the engine's volume; it is made where there is none. */
  readonly engineVolume: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
  /** A folder of the volume to mount instead of all of it. */
  readonly subPath: string | undefined;
}

/** What a sandbox's views are made from. */
export interface ViewsPlan {
  readonly sandboxId: string;
  /** Tag of the sandbox's image in the engine; it lends the keeper its programs. */
  readonly engineTag: string;
  readonly volumes: readonly VolumeBind[];
  /** Seconds between background commits. */
  readonly commitIntervalS: number;
}

/** Views that are being filled. */
export interface OpeningViews {
  /** What the sandbox mounts. */
  readonly mounts: Docker.MountSettings[];
  /**
   * Puts what the views need into the sandbox's container, which is not started yet, and waits until they are
   * filled.
   * @throws ServerError where they cannot be
   */
  readonly install: (sandbox: Docker.Container) => Promise<void>;
}

/** What may be asked of a keeper: it heeds nothing after the last two. `drop` commits nothing. */
type KeeperRequest = "commit" | "reload" | "close" | "drop";

/**
 * Volumes as Modal has them. A sandbox sees a copy of each volume, in an engine's volume of its own. Beside it
 * runs its keeper, a container of the same image that mounts the copies and the volumes themselves: it commits
 * what the sandbox changed, every few seconds and whenever the sandbox runs `sync` on a mount point, and loads
 * what others committed when it is asked to. It needs no emulator for the former.
 */
export async function openViews(
  docker: Docker,
  instance: string,
  plan: ViewsPlan,
): Promise<OpeningViews> {
  const { sandboxId, volumes } = plan;
  const ours = { ...labels(instance, "view"), [SANDBOX_LABEL]: sandboxId };
  const views = volumes.map((_, number) => viewName(instance, sandboxId, String(number)));
  const control = viewName(instance, sandboxId, "control");
  await Promise.all([...views, control].map((Name) => docker.createVolume({ Name, Labels: ours })));
  const filled = startKeeper(docker, instance, plan, [
    ...volumes.map(({ engineVolume }, number) =>
      mount(engineVolume, `${KEEPER_COMMITTED}/${number}`),
    ),
    ...views.map((view, number) => mount(view, `${KEEPER_VIEWS}/${number}`)),
    mount(control, KEEPER_CONTROL),
  ]);
  filled.catch(() => undefined); // `install` says so
  return {
    mounts: [
      ...volumes.map(({ mountPath, readOnly }, number) => ({
        ...mount(views[number] ?? "", mountPath),
        ReadOnly: readOnly,
      })),
      mount(control, SANDBOX_CONTROL),
    ],
    install: async (sandbox) => {
      const program = await filled;
      const pack = tar.pack();
      pack.entry({
        name: posix.basename(program),
        type: "symlink",
        linkname: `${SANDBOX_CONTROL}/sync`,
      });
      pack.finalize();
      await sandbox.putArchive(Readable.from(pack), { path: posix.dirname(program) });
    },
  };
}

/**
 * Commits what the sandbox changed, then loads what others committed.
 * @throws ServerError FAILED_PRECONDITION where that failed
 */
export async function reloadViews(
  docker: Docker,
  instance: string,
  sandboxId: string,
): Promise<void> {
  await askKeeper(docker, instance, sandboxId, "reload");
}

/**
 * Ends the work of a sandbox's keeper, after a last commit where `commit` says so. Content where there is none.
 * @throws ServerError FAILED_PRECONDITION where the commit failed
 */
export async function settleViews(
  docker: Docker,
  instance: string,
  sandboxId: string,
  { commit }: { readonly commit: boolean },
): Promise<void> {
  try {
    // One that ended with its engine begins again where it was.
    const keeper = docker.getContainer(keeperName(instance, sandboxId));
    if (commit) await ignoreStatus([304], keeper.start());
    await askKeeper(docker, instance, sandboxId, commit ? "close" : "drop");
  } catch (error) {
    // There is none, or, where nothing is to be committed, it does not run.
    const status = engineStatus(error);
    if (status !== 404 && (commit || status !== 409)) throw error;
  }
}

/** Removes the views and keepers of the sandboxes that are not to be kept; their containers have gone already. */
export async function removeViews(
  docker: Docker,
  instance: string,
  isKept: (sandboxId: string) => boolean,
): Promise<void> {
  const unwanted = ({ Labels }: { Labels?: Record<string, string> | null }) =>
    !isKept(Labels?.[SANDBOX_LABEL] ?? "");
  const filters = (kind: Kind) => ({
    label: Object.entries(labels(instance, kind)).map(([name, value]) => `${name}=${value}`),
  });
  const keepers = await docker.listContainers({ all: true, filters: filters("keeper") });
  await Promise.all(keepers.filter(unwanted).map(({ Id }) => removeContainer(docker, Id)));
  const { Volumes } = await docker.listVolumes({ filters: filters("view") });
  await Promise.all(
    Volumes.filter(unwanted).map(({ Name }) =>
      ignoreStatus([404, 409], docker.getVolume(Name).remove()),
    ),
  );
}

/** @returns the path of the image's `sync`, once the views are filled */
async function startKeeper(
  docker: Docker,
  instance: string,
  { sandboxId, engineTag, volumes, commitIntervalS }: ViewsPlan,
  mounts: Docker.MountSettings[],
): Promise<string> {
  const container = await docker.createContainer({
    name: keeperName(instance, sandboxId),
    Image: engineTag,
    Entrypoint: ["sh", "-c", KEEPER_SCRIPT, "keeper"],
    Cmd: [
      String(commitIntervalS),
      ...volumes.flatMap(({ readOnly, subPath }) => [readOnly ? "ro" : "rw", inVolume(subPath)]),
    ],
    Env: [
      `REQUEST=${REQUEST_SCRIPT}`,
      `SYNC=${SYNC_SCRIPT}`,
      `MOUNTS=${volumes.map(({ mountPath }) => `${posix.join(mountPath, ".")}\n`).join("")}`,
    ],
    User: "0",
    WorkingDir: "/",
    Tty: true,
    NetworkDisabled: true,
    Labels: { ...labels(instance, "keeper"), [SANDBOX_LABEL]: sandboxId },
    HostConfig: { Mounts: mounts },
  });
  const output = await attachToContainer(container, "output");
  try {
    await container.start();
    return await readReady(output);
  } finally {
    output.destroy();
  }
}

const READY = /(?:^|\n)ready ([^\r\n]*)\r?\n/;

/** Where an image has no `sync`. */
const USUAL_SYNC = "/usr/bin/sync";

async function readReady(output: Duplex): Promise<string> {
  let said = "";
  for await (const chunk of output) {
    said += String(chunk);
    const path = READY.exec(said)?.[1];
    if (path !== undefined) return path === "" ? USUAL_SYNC : path;
  }
  throw new ServerError(
    Status.FAILED_PRECONDITION,
    `the sandbox's volumes could not be filled; that takes a shell and the usual tools (find, tar, flock, …) in its image: ${said.trim()}`,
  );
}

async function askKeeper(
  docker: Docker,
  instance: string,
  sandboxId: string,
  request: KeeperRequest,
): Promise<void> {
  const { exec, socket } = await startEngineExec(docker, keeperName(instance, sandboxId), {
    Cmd: [REQUEST_PROGRAM, request, "all"],
    User: "0",
    Tty: true,
  });
  const message = await text(socket);
  const { exitCode } = await inspectEngineExec(exec);
  if (exitCode === 0) return;
  throw new ServerError(
    Status.FAILED_PRECONDITION,
    `the sandbox's volumes could not be ${request === "reload" ? "reloaded" : "committed"}: ${message.trim()}`,
  );
}

/** A folder of a volume, which it cannot lead out of. */
function inVolume(subPath: string | undefined): string {
  return posix.join("/", subPath ?? "").slice(1);
}

function mount(source: string, target: string): Docker.MountSettings {
  return {
    Type: "volume",
    Source: source,
    Target: target,
    // A volume begins empty on Modal; the engine would fill it with what the image has there.
    VolumeOptions: { NoCopy: true } as NonNullable<Docker.MountSettings["VolumeOptions"]>,
  };
}

function keeperName(instance: string, sandboxId: string): string {
  return `modal-emulator-${instance}-${sandboxId}-keeper`;
}

function viewName(instance: string, sandboxId: string, part: string): string {
  return `modal-emulator-${instance}-${sandboxId}-view-${part}`;
}
