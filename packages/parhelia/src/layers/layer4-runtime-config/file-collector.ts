import { hash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { basename } from "node:path";
import { UserError } from "../../errors.ts";
import type { SyncFile, SyncItem, SyncVerdict } from "../sync-tree.ts";
import type { ContentCache } from "./content-cache.ts";
import type { PathMap } from "./path-map.ts";
import { secretFileKind } from "./secrets.ts";
import { displayPath, isPrivate, isWithin, realPath } from "./user-configuration.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** What one call collected. */
export interface Collected {
  readonly fileCount: number;
  readonly sizeBytes: number;
  /** Files and directories that were left out, each with an item of its own. */
  readonly leftOut: number;
}

export interface FileCollectorOptions {
  readonly user: UserConfiguration;
  readonly cache: ContentCache;
  readonly paths: PathMap;
  /** `[sync] allow`: files that are sent although they look like secrets. */
  readonly allow: readonly string[];
}

/** Histories, caches of programs, marks of running programs: no part of what they lie in. */
const SKIPPED_NAMES = new Set([".git", ".DS_Store", "__pycache__", ".in_use", ".orphaned_at"]);

/** Bounds of what one sync brings; a configuration of 5,000 files has about 50 MB. */
const MAX_FILES = 100_000;
const MAX_FILE_BYTES = 256 * 1024 * 1024;
const MAX_DEPTH = 40;

/** Collects files for a sync's tree, following symbolic links and leaving out what must stay here. */
export class FileCollector {
  /** The tree so far: see `SyncTree`. */
  readonly tree = new Map<string, SyncFile>();
  readonly #items = new Map<string, SyncItem>();
  readonly #collected = new Map<string, Collected>();
  readonly #options: FileCollectorOptions;
  readonly #allowed: ReadonlySet<string>;
  #sizeBytes = 0;
  #leftOut = 0;

  constructor(options: FileCollectorOptions) {
    this.#options = options;
    this.#allowed = new Set(options.allow);
  }

  /**
   * Collects a file, or a directory with all that is in it; once, however often it is asked for. A symbolic link may lead to where it is
   * within `source` or the home directory.
   *
   * @param source absolute path here
   * @param target path in the tree
   * @throws UserError when there is far more than a configuration has
   */
  collect(source: string, target: string): Collected {
    const known = this.#collected.get(source);
    if (known !== undefined) return known;
    const before = { files: this.tree.size, bytes: this.#sizeBytes, leftOut: this.#leftOut };
    this.#visit(source, target, []);
    const collected = {
      fileCount: this.tree.size - before.files,
      sizeBytes: this.#sizeBytes - before.bytes,
      leftOut: this.#leftOut - before.leftOut,
    };
    this.#collected.set(source, collected);
    return collected;
  }

  /** What was left out, and why. */
  get items(): readonly SyncItem[] {
    return [...this.#items.values()];
  }

  /** Adds a file whose content was made or changed by the sync itself. */
  addContent(target: string, text: string, mode = 0o644): void {
    const content = Buffer.from(text);
    this.#add(target, {
      mode,
      size: content.length,
      sha256: hash("sha256", content, "hex"),
      read: () => content,
    });
  }

  /** Whether a file may be read and sent although it may hold a secret. */
  isAllowed(path: string): boolean {
    const shown = displayPath(path, this.#options.user);
    return this.#allowed.has(shown) || this.#allowed.has(path);
  }

  /** `ancestors` are the real paths of the directories on the way, so that a loop is seen. */
  #visit(source: string, target: string, ancestors: readonly string[]): void {
    try {
      const stats = lstatSync(source);
      if (stats.isSymbolicLink()) this.#visitLink(source, target, ancestors);
      else this.#visitPlain(source, target, ancestors, stats);
    } catch (error) {
      if (error instanceof UserError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      this.#leaveOut(source, "refused", `it cannot be read (${code ?? String(error)})`);
    }
  }

  #visitLink(source: string, target: string, ancestors: readonly string[]): void {
    const { user } = this.#options;
    let real: string;
    try {
      real = realpathSync(source);
    } catch (error) {
      const loops = (error as NodeJS.ErrnoException).code === "ELOOP";
      const detail = loops
        ? "the symbolic link leads to itself"
        : "the symbolic link leads nowhere";
      this.#leaveOut(source, loops ? "refused" : "only-here", detail);
      return;
    }
    const accepted = [realPath(user.home), realPath(user.configDir), ...ancestors.slice(0, 1)];
    if (ancestors.includes(real)) {
      this.#leaveOut(source, "refused", "the symbolic link leads back to a directory around it");
    } else if (!accepted.some((directory) => isWithin(real, directory))) {
      const detail = `the symbolic link leads to ${real}, outside of your home directory`;
      this.#leaveOut(source, "refused", detail);
    } else if (isPrivate(real, user)) {
      const detail = `the symbolic link leads to ${displayPath(real, user)}, which is never sent`;
      this.#leaveOut(source, "refused", detail);
    } else {
      this.#visitPlain(source, target, ancestors, statSync(source));
    }
  }

  #visitPlain(source: string, target: string, ancestors: readonly string[], stats: Stats): void {
    if (stats.isFile()) this.#visitFile(source, target, stats);
    else if (!stats.isDirectory()) {
      this.#leaveOut(source, "refused", "it is neither a file nor a directory");
    } else if (ancestors.length >= MAX_DEPTH) {
      this.#leaveOut(source, "refused", `it lies ${MAX_DEPTH} directories deep`);
    } else {
      const around = [...ancestors, realPath(source)];
      for (const entry of readdirSync(source)) {
        if (!SKIPPED_NAMES.has(entry)) {
          // Plain concatenation: this runs once for each of thousands of files.
          this.#visit(`${source}/${entry}`, `${target}/${entry}`, around);
        }
      }
    }
  }

  #visitFile(source: string, target: string, stats: Stats): void {
    if (basename(source) === ".credentials.json") {
      this.#leaveOut(source, "refused", "credentials are never sent");
      return;
    }
    if (stats.size > MAX_FILE_BYTES) {
      this.#leaveOut(source, "refused", `it is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
      return;
    }
    const content = this.#options.cache.look(source, stats);
    const secret = secretFileKind(basename(source)) ?? content.secret;
    if (secret !== undefined && !this.isAllowed(source)) {
      const name = JSON.stringify(displayPath(source, this.#options.user));
      const what = `it looks like ${article(secret)}, or like it holds one`;
      const how = `to send it all the same, add ${name} to allow under [sync] in parhelia.toml`;
      this.#leaveOut(source, "refused", `${what}; ${how}`);
      return;
    }
    const mode = (stats.mode & 0o100) === 0 ? 0o644 : 0o755;
    if (content.namesPaths) {
      this.addContent(target, this.#options.paths.rewrite(readFileSync(source, "utf8")).text, mode);
    } else {
      const { sha256 } = content;
      this.#add(target, {
        mode,
        size: stats.size,
        sha256,
        read: () => readAgain(source, stats.size),
      });
    }
  }

  #add(target: string, file: SyncFile): void {
    if (!this.tree.has(target) && this.tree.size >= MAX_FILES) {
      throw new UserError(
        `your Claude configuration has more than ${MAX_FILES} files; the last one was ${target}`,
        { hint: "move what is no configuration out of it, or look for a symbolic link too many" },
      );
    }
    this.#sizeBytes += file.size - (this.tree.get(target)?.size ?? 0);
    this.tree.set(target, file);
  }

  #leaveOut(source: string, verdict: SyncVerdict, detail: string): void {
    this.#leftOut += 1;
    const name = displayPath(source, this.#options.user);
    this.#items.set(name, { kind: "file", name, verdict, detail });
  }
}

function article(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`;
}

function readAgain(source: string, size: number): Buffer {
  const content = ((): Buffer | undefined => {
    try {
      return readFileSync(source);
    } catch {
      return undefined;
    }
  })();
  if (content?.length === size) return content;
  throw new UserError(`${source} changed while it was sent`, { hint: "parhelia sync" });
}
