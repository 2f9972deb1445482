import { lstatSync, readdirSync, type Stats } from "node:fs";
import { basename, join } from "node:path";
import { MOVED_TREE_INFIX, pathInVolume } from "../../src/volume/layout.ts";
import {
  CHECKPOINTS_DIR,
  CONFIG_DIR,
  PLUGINS_DIR,
  WORKSPACES_DIR,
  removedSessionMarker,
} from "../../src/volume/layout.ts";
import { PARTIAL_SUFFIX, checkpointTime } from "../protocol/checkpoint.ts";
import { VOLUME_KINDS, type VolumeKind } from "../protocol/retention.ts";
import { checkpointIds, latestId, readUnchecked } from "../checkpoint/history.ts";
import { checkpointPlaces } from "../checkpoint/places.ts";
import type {
  ListedProject,
  ListedSession,
  ListedTree,
  StoredFile,
  VolumeListing,
} from "./listing.ts";

/** Projects' directories below `workspaces/`; a session's name cannot look like one. */
const PROJECT = /^p-[0-9a-f]{16}$/;

/**
 * Lists what is on a volume, by walking all of it: what `statfs` says of a Modal volume has nothing to do with
 * it. Files with several names count once.
 * @param root where the volume is mounted
 */
export function measureVolume(root: string): VolumeListing {
  const at = (path: string) => join(root, pathInVolume(path));
  const kinds = Object.fromEntries(VOLUME_KINDS.map((kind) => [kind, 0]));
  const counted = new Set<string>();
  for (const { name } of entries(root)) {
    const kind = KIND_DIRECTORIES[name] ?? "other";
    kinds[kind] = (kinds[kind] ?? 0) + measure(join(root, name), counted).bytes;
  }
  const sessions = directories(at(CHECKPOINTS_DIR)).map((name) => listSession(name, root));
  const projects: ListedProject[] = [];
  const trees: ListedTree[] = [];
  for (const name of directories(at(WORKSPACES_DIR))) {
    const directory = join(at(WORKSPACES_DIR), name);
    if (!PROJECT.test(name)) {
      trees.push(listTree(directory, root, undefined));
      continue;
    }
    const parts = directories(directory);
    const isShared = (part: string) => part.endsWith(".git");
    projects.push(listProject(name, directory, parts.filter(isShared)));
    for (const part of parts.filter((other) => !isShared(other))) {
      trees.push(listTree(join(directory, part), root, name));
    }
  }
  return { kinds: kinds as Record<VolumeKind, number>, sessions, trees, projects };
}

const KIND_DIRECTORIES: Readonly<Record<string, VolumeKind>> = {
  [basename(CONFIG_DIR)]: "config",
  [basename(PLUGINS_DIR)]: "plugins",
  [basename(CHECKPOINTS_DIR)]: "checkpoints",
  [basename(WORKSPACES_DIR)]: "workspaces",
};

function listSession(name: string, root: string): ListedSession {
  const places = checkpointPlaces(root, name);
  const marker = join(root, pathInVolume(removedSessionMarker(name)));
  return {
    name,
    removed: lstatSync(marker, { throwIfNoEntry: false }) !== undefined,
    latest: latestId(places),
    checkpoints: checkpointIds(places).map((id) => ({
      id,
      takenAtMs: checkpointTime(id)?.getTime() ?? 0,
      files: filesIn(join(places.history, id)),
      damaged: readUnchecked(places, id) === undefined,
    })),
    leftovers: directories(places.history)
      .filter((entry) => entry.endsWith(PARTIAL_SUFFIX))
      .map((entry) => ({ name: entry, ...measure(join(places.history, entry), new Set()) })),
  };
}

function listTree(directory: string, root: string, project: string | undefined): ListedTree {
  const [session = "", ...moved] = basename(directory).split(MOVED_TREE_INFIX);
  const { bytes, changedAtMs } = measure(directory, new Set());
  // Moving it aside changed nothing inside.
  const movedAtMs = moved.length > 0 ? lstatSync(directory).ctimeMs : 0;
  return {
    path: directory.slice(root.length + 1),
    session,
    project,
    movedAside: moved.length > 0,
    bytes,
    changedAtMs: Math.max(changedAtMs, movedAtMs),
  };
}

function listProject(name: string, directory: string, shared: readonly string[]): ListedProject {
  const counted = new Set<string>();
  const parts = shared.map((part) => measure(join(directory, part), counted));
  return {
    name,
    bytes: parts.reduce((total, { bytes }) => total + bytes, 0),
    changedAtMs: Math.max(
      lstatSync(directory).mtimeMs,
      ...parts.map(({ changedAtMs }) => changedAtMs),
    ),
  };
}

/** The content below a path, and its newest change. What is counted already is passed over. */
function measure(
  path: string,
  counted: Set<string>,
): { readonly bytes: number; readonly changedAtMs: number } {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return { bytes: 0, changedAtMs: 0 }; // a session removed it just now
  let bytes = 0;
  let changedAtMs = stat.mtimeMs;
  if (stat.isDirectory()) {
    for (const { name } of entries(path)) {
      const inner = measure(join(path, name), counted);
      bytes += inner.bytes;
      changedAtMs = Math.max(changedAtMs, inner.changedAtMs);
    }
  } else if (stat.isFile() && !counted.has(idOf(stat))) {
    if (stat.nlink > 1) counted.add(idOf(stat));
    bytes = stat.size;
  }
  return { bytes, changedAtMs };
}

function filesIn(directory: string): StoredFile[] {
  return entries(directory).flatMap(({ name }) => {
    const stat = lstatSync(join(directory, name), { throwIfNoEntry: false });
    return stat?.isFile() === true ? [{ id: idOf(stat), bytes: stat.size }] : [];
  });
}

function idOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

function directories(path: string): string[] {
  return entries(path)
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function entries(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
