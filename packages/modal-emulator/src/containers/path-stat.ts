import type Docker from "dockerode";
import { engineStatus } from "./engine-errors.ts";

/** What kind of thing a path leads to. */
export type PathKind = "file" | "directory" | "symlink" | "other";

/** What the engine says of a path in a container. */
export interface PathStat {
  readonly kind: PathKind;
  /** Bytes. */
  readonly size: number;
  /** Where a symlink leads in the end, an absolute path; otherwise empty. */
  readonly linkTarget: string;
}

/** Go's `fs.ModeDir`, `fs.ModeSymlink`, and the bits of everything else that is no regular file. */
const DIRECTORY_BIT = 2 ** 31;
const SYMLINK_BIT = 2 ** 27;
const SPECIAL_BITS = [2 ** 26, 2 ** 25, 2 ** 24, 2 ** 21];

/** Looks at a path in a container, which need not run; undefined where nothing is, or no such container. */
export async function statPath(
  container: Docker.Container,
  path: string,
): Promise<PathStat | undefined> {
  try {
    // dockerode takes a HEAD's answer for a stream whose header holds the description.
    const answer = (await container.infoArchive({ path })) as unknown as {
      headers: Record<string, string>;
      resume: () => void;
    };
    answer.resume();
    const stat = answer.headers["x-docker-container-path-stat"] ?? "";
    const { mode, size, linkTarget } = JSON.parse(Buffer.from(stat, "base64").toString()) as {
      mode: number;
      size: number;
      linkTarget: string;
    };
    return { kind: kindOf(mode), size, linkTarget };
  } catch (error) {
    if (engineStatus(error) === 404) return undefined;
    throw error;
  }
}

function kindOf(mode: number): PathKind {
  const has = (bit: number) => Math.floor(mode / bit) % 2 === 1;
  if (has(DIRECTORY_BIT)) return "directory";
  if (has(SYMLINK_BIT)) return "symlink";
  return SPECIAL_BITS.some(has) ? "other" : "file";
}
