import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { BATCH_TIMEOUT_MS } from "../protocol/batch.ts";

/** Stages lie beside what they become, since only there a rename is one step. */
const STAGE_PREFIX = ".plugin-sync-";

/** What was in a place before, and which place that is: for when the change is interrupted. */
const REPLACED = "replaced";
const PLACE = "place";

/** A directory to work in, which nobody looks at. */
export function makeStage(pluginsDirectory: string): string {
  const stage = mkdtempSync(join(pluginsDirectory, STAGE_PREFIX));
  mkdirSync(join(stage, "clone"), { mode: 0o755 });
  return stage;
}

/**
 * Puts a directory in a place, and what was there before away. Two renames: whoever looks in between sees
 * nothing there, and if all ends in between, `recoverStages` puts back what was there.
 */
export function putInPlace(directory: string, place: string, stage: string): void {
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(join(stage, PLACE), place);
  const replaced = join(stage, REPLACED);
  if (existsSync(place)) renameSync(place, replaced);
  try {
    renameSync(directory, place);
  } catch (error) {
    if (existsSync(replaced)) renameSync(replaced, place);
    throw error;
  }
}

/** Completes what an interrupted change left behind, as soon as it cannot be one that is still at work. */
export function recoverStages(pluginsDirectory: string, nowMs = Date.now()): void {
  for (const name of readdirSync(pluginsDirectory)) {
    if (!name.startsWith(STAGE_PREFIX)) continue;
    const stage = join(pluginsDirectory, name);
    const stats = statSync(stage, { throwIfNoEntry: false });
    if (stats === undefined || nowMs - stats.mtimeMs < BATCH_TIMEOUT_MS) continue;
    const replaced = join(stage, REPLACED);
    if (existsSync(replaced)) {
      const place = readFileSync(join(stage, PLACE), "utf8");
      if (!existsSync(place)) renameSync(replaced, place);
    }
    rmSync(stage, { recursive: true, force: true });
  }
}
