import { dirname } from "node:path";
import { SystemError } from "../errors.ts";
import { defaultLock } from "./default-lock.ts";
import { formatLock, readLock, writeLock } from "./lock-file.ts";
import type { Lock, LockedPluginSource, LockedProgram } from "./lock-file.ts";
import { newestVersion, viewPackage } from "./npm.ts";
import type { NpmOptions, PublishedPackage } from "./npm.ts";

/** The platforms that images are built for. */
export type LockPlatform = keyof LockedProgram["platforms"];

/** A program with all that a build needs to fetch and check it. */
export interface ResolvedProgram {
  readonly version: string;
  readonly platforms: Readonly<Record<LockPlatform, PublishedPackage>>;
}

/** The lock and, for this build only, the addresses that the user's npm gives today. */
export interface ResolvedLock {
  readonly claudeCode: ResolvedProgram;
  readonly bun: ResolvedProgram;
  /** The lock file that was written because the one before did not fit; undefined when none was. */
  readonly writtenTo: string | undefined;
}

export interface ResolveLockOptions {
  /** Exact version that the configuration asks for; undefined takes the lock's. */
  readonly claudeCode?: string | undefined;
  readonly bun?: string | undefined;
  /** Where `parhelia.lock` is, or would be: see `lockPathFor`. */
  readonly lockPath: string;
  /** Default: this process's. npm reads its settings from it. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

type ProgramName = "claudeCode" | "bun";

/** The npm packages that hold the native binaries. */
export const packageNames: Readonly<Record<ProgramName, Readonly<Record<LockPlatform, string>>>> = {
  claudeCode: {
    "linux-x64": "@anthropic-ai/claude-code-linux-x64",
    "linux-arm64": "@anthropic-ai/claude-code-linux-arm64",
  },
  bun: { "linux-x64": "@oven/bun-linux-x64", "linux-arm64": "@oven/bun-linux-aarch64" },
};

/**
 * Which binaries to build the image from (decision D5, SPEC-01.11). A program keeps what
 * `parhelia.lock` pins, or what this release pins where there is no lock, unless the configuration
 * asks for another version: that is looked up, and the lock written anew.
 *
 * @throws SystemError when the registry's package is not the pinned one, or cannot be asked for;
 *   UserError when the version does not exist or the lock is damaged.
 */
export async function resolveLock(options: ResolveLockOptions): Promise<ResolvedLock> {
  const { lockPath, signal } = options;
  const npm: NpmOptions = { cwd: dirname(lockPath), env: options.env ?? process.env, signal };
  const found = readLock(lockPath);
  const lock = found ?? defaultLock;
  const pinnedBy = found === undefined ? "this release of Parhelia" : lockPath;
  const resolve = (name: ProgramName): Promise<ResolvedProgram> => {
    const asked = options[name];
    return asked === undefined || asked === lock[name].version
      ? resolvePinned(name, lock[name], pinnedBy, npm)
      : resolveVersion(name, asked, npm);
  };
  const [claudeCode, bun] = await Promise.all([resolve("claudeCode"), resolve("bun")]);
  const moved = claudeCode.version !== lock.claudeCode.version || bun.version !== lock.bun.version;
  if (moved) writeLock(lockPath, { ...lock, ...withoutAddresses(claudeCode, bun) });
  return { claudeCode, bun, writtenTo: moved ? lockPath : undefined };
}

/**
 * The newest versions in the user's npm registry: what a release of the images moves to, unless the
 * configuration asks for others.
 *
 * @throws SystemError when the registry cannot be asked
 */
export async function newestVersions(
  options: Pick<ResolveLockOptions, "lockPath" | "env" | "signal">,
): Promise<Readonly<Record<ProgramName, string>>> {
  const { lockPath, env = process.env, signal } = options;
  const npm: NpmOptions = { cwd: dirname(lockPath), env, signal };
  const [claudeCode, bun] = await Promise.all([
    newestVersion(packageNames.claudeCode["linux-x64"], npm),
    newestVersion(packageNames.bun["linux-x64"], npm),
  ]);
  return { claudeCode, bun };
}

async function resolvePinned(
  name: ProgramName,
  pinned: LockedProgram,
  pinnedBy: string,
  npm: NpmOptions,
): Promise<ResolvedProgram> {
  const resolved = await resolveVersion(name, pinned.version, npm);
  for (const platform of ["linux-x64", "linux-arm64"] as const) {
    const { integrity } = pinned.platforms[platform];
    const published = resolved.platforms[platform].integrity;
    if (published === integrity) continue;
    throw new SystemError(
      `${packageNames[name][platform]}@${pinned.version} in your npm registry is not the package that ` +
        `${pinnedBy} pins: its integrity is ${published} instead of ${integrity}. ` +
        "A published version never changes: the registry, something on the way to it, or the lock was tampered with or mixed up",
      {
        hint: "find out which before you build; take parhelia.lock back from version control, or delete it only if you trust the registry",
      },
    );
  }
  return resolved;
}

async function resolveVersion(
  name: ProgramName,
  version: string,
  npm: NpmOptions,
): Promise<ResolvedProgram> {
  const packages = packageNames[name];
  const [x64, arm64] = await Promise.all([
    viewPackage(packages["linux-x64"], version, npm),
    viewPackage(packages["linux-arm64"], version, npm),
  ]);
  return { version, platforms: { "linux-x64": x64, "linux-arm64": arm64 } };
}

function withoutAddresses(
  claudeCode: ResolvedProgram,
  bun: ResolvedProgram,
): Pick<Lock, "claudeCode" | "bun"> {
  const pin = ({ version, platforms }: ResolvedProgram): LockedProgram => ({
    version,
    platforms: {
      "linux-x64": { integrity: platforms["linux-x64"].integrity },
      "linux-arm64": { integrity: platforms["linux-arm64"].integrity },
    },
  });
  return { claudeCode: pin(claudeCode), bun: pin(bun) };
}

/**
 * Records where plugins come from, in place of what was recorded before. Without a lock, the versions of
 * this release are pinned with them; without plugins to record, no lock is begun.
 *
 * @returns whether the lock was written
 * @throws UserError when the lock is damaged, SystemError when it cannot be written
 */
export function lockPluginSources(
  lockPath: string,
  sources: readonly LockedPluginSource[],
): boolean {
  const found = readLock(lockPath);
  const { plugins: before = [], ...lock } = found ?? defaultLock;
  const plugins = sources.toSorted((first, second) => (first.name < second.name ? -1 : 1));
  const after = plugins.length === 0 ? lock : { ...lock, plugins };
  if (formatLock(after) === formatLock(before.length === 0 ? lock : { ...lock, plugins: before })) {
    return false;
  }
  writeLock(lockPath, after);
  return true;
}
