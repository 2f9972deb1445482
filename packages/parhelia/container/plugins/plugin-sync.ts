import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, relative, resolve } from "node:path";
import { PLUGIN_SOURCES_FILE, PLUGINS_DIR, VOLUME_ROOT } from "../../src/volume/layout.ts";
import type {
  BatchPluginSource,
  PluginSyncOutcome,
  PluginSyncResult,
  PluginSyncTask,
} from "../protocol/batch.ts";
import { writeFileAtomically } from "../write-file.ts";
import { checkOut, commitOf } from "./checkout.ts";
import { makeStage, putInPlace, recoverStages } from "./put-in-place.ts";

/** Clones that run at once: they wait for the network, mostly. */
const CONCURRENCY = 4;

/** Where the task works; other places are for tests. */
export interface PluginPlaces {
  readonly volume: string;
  readonly plugins: string;
  readonly sourcesFile: string;
}

const PLACES: PluginPlaces = {
  volume: VOLUME_ROOT,
  plugins: PLUGINS_DIR,
  sourcesFile: PLUGIN_SOURCES_FILE,
};

/**
 * The batch task `plugin-sync`: each source's directory on the volume becomes a clone at the recorded
 * commit. It can be run again at any time: what is at its commit already is left alone. A private repository
 * is read with the GITHUB_TOKEN of the environment. One that fails leaves what was there, and the others
 * go on. Sources that the task names are kept on the volume, for later runs that name none.
 */
export async function pluginSync(
  task: PluginSyncTask,
  places: PluginPlaces = PLACES,
): Promise<PluginSyncResult> {
  mkdirSync(places.plugins, { recursive: true });
  recoverStages(places.plugins);
  if (task.sources !== undefined) recordSources(task.sources, places);
  const waiting = [...(task.sources ?? readSources(places))];
  const plugins: PluginSyncOutcome[] = [];
  const work = async () => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      plugins.push(await syncSource(source, places));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  plugins.sort((one, other) => (one.name < other.name ? -1 : 1));
  const ok = plugins.every(({ outcome }) => outcome !== "failed");
  return { task: task.task, ok, plugins };
}

async function syncSource(
  source: BatchPluginSource,
  places: PluginPlaces,
): Promise<PluginSyncOutcome> {
  const { name, commit } = source;
  try {
    return { name, commit, outcome: await bringToCommit(source, places) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { name, commit, outcome: "failed", error: withHint(reason) };
  }
}

async function bringToCommit(
  source: BatchPluginSource,
  places: PluginPlaces,
): Promise<"cloned" | "updated" | "unchanged"> {
  check(source);
  const place = placeOf(source, places);
  const before = commitOf(place);
  if (before === source.commit) return "unchanged";
  const stage = makeStage(places.plugins);
  try {
    const directory = await checkOut(source, join(stage, "clone"));
    putInPlace(directory, place, stage);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return before === undefined ? "cloned" : "updated";
}

/** What is not so would be a mistake of whoever wrote the list; git would take some of it for options. */
function check({ repository, commit, subdirectory }: BatchPluginSource): void {
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) throw new Error(`not a commit: ${commit}`);
  if (repository.startsWith("-")) throw new Error(`not a repository: ${repository}`);
  if (subdirectory === undefined) return;
  const inside = normalize(subdirectory);
  if (isAbsolute(inside) || inside.split("/").includes("..")) {
    throw new Error(`${subdirectory} is outside of the repository`);
  }
}

/** Below the plugins' directory, and none of those that hold other plugins. */
function placeOf({ path }: BatchPluginSource, { volume, plugins }: PluginPlaces): string {
  const place = resolve(volume, path);
  const inside = relative(plugins, place);
  if (["", "marketplaces", "cache"].includes(inside) || inside.startsWith(".")) {
    throw new Error(`${path} is no place for a plugin: they lie below ${plugins}`);
  }
  return place;
}

/** Of a repository that it may not see, GitHub says that there is none. */
function withHint(reason: string): string {
  const isLocked = /could not read Username|Authentication failed|Repository not found/i;
  if (!isLocked.test(reason)) return reason;
  return `${reason}; if it is private: parhelia secret set github-token GITHUB_TOKEN`;
}

function readSources({ sourcesFile }: PluginPlaces): readonly BatchPluginSource[] {
  try {
    return JSON.parse(readFileSync(sourcesFile, "utf8")) as BatchPluginSource[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function recordSources(sources: readonly BatchPluginSource[], { sourcesFile }: PluginPlaces): void {
  mkdirSync(dirname(sourcesFile), { recursive: true });
  writeFileAtomically(sourcesFile, `${JSON.stringify(sources, null, 2)}\n`, { mode: 0o644 });
}
