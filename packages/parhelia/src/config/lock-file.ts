import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as z from "zod";
import { SystemError, UserError } from "../errors.ts";
import { exactVersion } from "./schema.ts";

/** Name of the lock file. */
const LOCK_FILE_NAME = "parhelia.lock";

const pinned = z.strictObject({
  /** SHA-512 of the npm tarball in SRI form. */
  integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/, "must be a SHA-512 integrity"),
});

const program = z.strictObject({
  version: exactVersion,
  platforms: z.strictObject({ "linux-x64": pinned, "linux-arm64": pinned }),
});

/** A git repository that marketplaces or plugins come from, at the commit that the user has. */
const pluginSource = z.strictObject({
  /** Name of the marketplace, or `plugin@marketplace` for a plugin with a repository of its own. */
  name: z.string().min(1),
  repository: z.string().min(1),
  /** The plugin's directory in the repository, where it is not the root. */
  subdirectory: z.string().min(1).optional(),
  commit: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, "must be a full commit id"),
  /** Where it lies on the volume. */
  path: z.string().min(1),
});

const lockSchema = z.strictObject({
  lockVersion: z.literal(1),
  claudeCode: program,
  bun: program,
  /** Written by `parhelia sync`, by name. */
  plugins: z.array(pluginSource).optional(),
});

/**
 * `parhelia.lock`: exact versions and SHA-512 integrities of programs, without an address; repositories
 * and commits of plugins (decision D5).
 */
export type Lock = z.output<typeof lockSchema>;

/** A source of plugins that the lock pins. */
export type LockedPluginSource = NonNullable<Lock["plugins"]>[number];

/** A program that the lock pins. */
export type LockedProgram = Lock["bun"];

/** Beside the `parhelia.toml` in use, else in the working directory. */
export function lockPathFor(configFile: string | undefined, cwd: string): string {
  return join(configFile === undefined ? cwd : dirname(configFile), LOCK_FILE_NAME);
}

/**
 * The lock, or undefined when there is none.
 *
 * @throws UserError when it is damaged.
 */
export function readLock(path: string): Lock | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  try {
    return lockSchema.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new UserError(`${path} is damaged: ${reason}`, {
      hint: "take it back from version control, or delete it: parhelia image build writes a new one",
      cause: error,
    });
  }
}

/** Written beside and renamed: an interrupted command leaves the old lock. */
export function writeLock(path: string, lock: Lock): void {
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, formatLock(lock));
    renameSync(temporary, path);
  } catch (error) {
    throw new SystemError(`cannot write ${path}: ${messageOf(error)}`, {
      hint: "make its directory writable, or give a parhelia.toml elsewhere with --config",
      cause: error,
    });
  }
}

/** The same lock gives the same text: keys in the schema's order. */
export function formatLock(lock: Lock): string {
  return `${JSON.stringify(lockSchema.parse(lock), null, 2)}\n`;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new SystemError(`cannot read ${path}: ${messageOf(error)}`, {
      hint: "make it readable, or delete it: parhelia image build writes a new one",
      cause: error,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
