import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import {
  checkpointHistoryDir,
  CHECKPOINTS_DIR,
  latestCheckpointLink,
  pathInVolume,
  VOLUME_ROOT,
} from "../../src/volume/layout.ts";
import { CHECKPOINT_FILES, checkpointTime, parseCheckpointState } from "../protocol/checkpoint.ts";
import type { CheckpointState } from "../protocol/checkpoint.ts";
import type { CheckpointMetrics, MetricsResult, MetricsTask } from "../protocol/health.ts";
import { MEASURED_PARTS } from "../protocol/health.ts";

/**
 * The batch task `metrics`: numbers of the volume, its sessions and their checkpoints. It changes nothing.
 * @param root where the volume is mounted
 */
export function metrics({ task }: MetricsTask, root: string = VOLUME_ROOT): Promise<MetricsResult> {
  const now = new Date();
  const counted = new Set<string>();
  const parts = MEASURED_PARTS.map(
    (part) => [part, bytesBelow(join(root, part), counted)] as const,
  );
  const sessions = directoriesIn(join(root, pathInVolume(CHECKPOINTS_DIR)));
  return Promise.resolve({
    task,
    ok: true,
    collectedAt: now.toISOString(),
    bytes: Object.fromEntries(parts) as MetricsResult["bytes"],
    checkpoints: sessions.flatMap((session) => checkpointsOf(session, { root, now })),
  });
}

function checkpointsOf(
  session: string,
  { root, now }: { readonly root: string; readonly now: Date },
): CheckpointMetrics[] {
  const history = join(root, pathInVolume(checkpointHistoryDir(session)));
  const latest = linkTarget(join(root, pathInVolume(latestCheckpointLink(session))));
  const metricsOf = (id: string): CheckpointMetrics[] => {
    const takenAt = checkpointTime(id);
    if (takenAt === undefined) return []; // one that was never finished
    const state = readState(join(history, id));
    const files = Object.values(state?.files ?? {});
    return [
      {
        session,
        id,
        ageSeconds: Math.max(0, Math.round((now.getTime() - takenAt.getTime()) / 1000)),
        reason: state?.reason ?? null,
        bytes: files.reduce((total, { bytes }) => total + bytes, 0),
        conversations: state?.conversations ?? 0,
        damaged: state === undefined || !isComplete(state, join(history, id)),
        isLatest: id === latest,
      },
    ];
  };
  return directoriesIn(history).sort().reverse().flatMap(metricsOf);
}

/** Whether its files have the sizes that they should have. */
function isComplete({ files }: CheckpointState, directory: string): boolean {
  return Object.entries(files).every(([name, { bytes }]) => {
    const found = statSync(join(directory, basename(name)), { throwIfNoEntry: false });
    return found?.size === bytes;
  });
}

function readState(directory: string): CheckpointState | undefined {
  try {
    return parseCheckpointState(readFileSync(join(directory, CHECKPOINT_FILES.state), "utf8"));
  } catch {
    return undefined;
  }
}

function linkTarget(link: string): string | undefined {
  try {
    return basename(readlinkSync(link));
  } catch {
    return undefined; // there is no checkpoint yet
  }
}

function directoriesIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Of the files below a directory; what goes away meanwhile counts nothing. */
function bytesBelow(directory: string, counted: Set<string>): number {
  if (!existsSync(directory)) return 0;
  let total = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const found = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    if (found === undefined || counted.has(`${found.dev}:${found.ino}`)) continue;
    if (found.nlink > 1) counted.add(`${found.dev}:${found.ino}`);
    total += found.size;
  }
  return total;
}
