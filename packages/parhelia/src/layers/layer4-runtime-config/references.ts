import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { basename, extname, join, relative } from "node:path";
import { CLAUDE_DIR, HOME_FILES_DIR, pathInVolume } from "../../volume/layout.ts";
import type { FileCollector } from "./file-collector.ts";
import type { PathMap } from "./path-map.ts";
import { isStateEntry } from "./config-entries.ts";
import { displayPath, isPrivate, isWithin, realPath } from "./user-configuration.ts";
import type { UserConfiguration } from "./user-configuration.ts";

/** What became of a path that a command or a memory file names. */
export type Reference =
  /** It is in the sandbox; `program` is what its first line or its format says. */
  | { readonly state: "sent"; readonly program: ProgramFile }
  | { readonly state: "only-here"; readonly why: string }
  /** A path that every Linux machine has, or one that does not exist here: nothing to say. */
  | { readonly state: "common" };

/** What kind of file a program is. */
export type ProgramFile =
  | { readonly kind: "script"; readonly interpreter: string }
  | { readonly kind: "linux-binary" | "macos-binary" | "data" };

/** A script from elsewhere in the home directory may be this large: more is no helper of a hook. */
const MAX_HOME_FILE_BYTES = 1024 * 1024;

const SCRIPT_EXTENSIONS = new Set(
  ".sh .bash .zsh .py .js .mjs .cjs .ts .mts .rb .pl .php .lua .md".split(" "),
);

/** Where every machine has something of its own, or the same. */
const COMMON_PLACES =
  /^\/($|bin|dev|etc|proc|run|sbin|sys|tmp|usr\/(bin|sbin|share)|var\/tmp)(\/|$)/;

/** Brings the files that settings, MCP servers and memory files name. */
export class References {
  readonly #user: UserConfiguration;
  readonly #collector: FileCollector;
  readonly #paths: PathMap;

  constructor(user: UserConfiguration, collector: FileCollector, paths: PathMap) {
    this.#user = user;
    this.#collector = collector;
    this.#paths = paths;
  }

  /**
   * Makes sure that the file or directory at an absolute path is sent, where that can be done. From the
   * configuration directory, the directory in which it lies comes as a whole unless `alone`: a script
   * often reads what is beside it.
   */
  bring(path: string, alone = false): Reference {
    const { home, configDir, pluginsDir } = this.#user;
    if (!existsSync(path)) return this.#missing(path);
    const isOwn = [home, configDir, pluginsDir].some((directory) => isWithin(path, directory));
    const isPlaced = this.#paths.find(path) !== undefined;
    if (!isOwn && !isPlaced && COMMON_PLACES.test(path)) return { state: "common" };
    if (isPrivate(realPath(path), this.#user)) {
      return { state: "only-here", why: `${path} is never sent` };
    }
    if (isWithin(path, pluginsDir)) return sentIf(isPlaced, path);
    if (isWithin(path, configDir)) return this.#bringFromConfiguration(path, alone);
    if (isPlaced) return { state: "sent", program: programAt(path) };
    if (isWithin(path, home)) return this.#bringFromHome(path);
    return { state: "only-here", why: `${path} is only on this machine` };
  }

  #missing(path: string): Reference {
    return isWithin(path, this.#user.home)
      ? { state: "only-here", why: `${path} does not exist` }
      : { state: "common" };
  }

  #bringFromConfiguration(path: string, alone: boolean): Reference {
    const { configDir } = this.#user;
    const inConfiguration = relative(configDir, path);
    const [entry = ""] = inConfiguration.split("/");
    if (isStateEntry(entry)) {
      return { state: "only-here", why: `${path} is part of Claude Code's own state` };
    }
    if (existsSync(join(configDir, entry, "pyvenv.cfg"))) {
      return { state: "only-here", why: `${entry} is a Python environment of this machine` };
    }
    const wanted = alone ? inConfiguration : entry;
    if (!this.#isInTree(path)) {
      this.#collector.collect(join(configDir, wanted), `${pathInVolume(CLAUDE_DIR)}/${wanted}`);
    }
    return sentIf(this.#isInTree(path), path);
  }

  /** Only the file itself. */
  #bringFromHome(path: string): Reference {
    const shown = displayPath(path, this.#user);
    const stats = statSync(path);
    if (stats.isDirectory()) {
      return { state: "only-here", why: `${shown} is a directory of this machine` };
    }
    const program = programAt(path);
    const isScript = program.kind === "script" || SCRIPT_EXTENSIONS.has(extname(path));
    if (!isScript || !stats.isFile() || stats.size > MAX_HOME_FILE_BYTES) {
      return { state: "only-here", why: `${shown} is only on this machine, and no script` };
    }
    const target = `${pathInVolume(HOME_FILES_DIR)}/${relative(this.#user.home, path)}`;
    this.#collector.collect(path, target);
    if (!this.#collector.tree.has(target)) {
      return { state: "only-here", why: `${shown} was left out` };
    }
    this.#paths.add(path, target);
    return { state: "sent", program };
  }

  /** Also true for a directory that something was sent of. */
  #isInTree(path: string): boolean {
    const { tree } = this.#collector;
    const target = `${pathInVolume(CLAUDE_DIR)}/${relative(this.#user.configDir, path)}`;
    if (tree.has(target)) return true;
    return (
      statSync(path).isDirectory() && [...tree.keys()].some((key) => key.startsWith(`${target}/`))
    );
  }
}

function sentIf(sent: boolean, path: string): Reference {
  return sent
    ? { state: "sent", program: programAt(path) }
    : { state: "only-here", why: `${path} was left out` };
}

/** What the first bytes of a file say; a directory is data. */
export function programAt(path: string): ProgramFile {
  const head = readHead(path);
  const magic = head.subarray(0, 4).toString("hex");
  if (magic === "7f454c46") return { kind: "linux-binary" };
  if (["cffaedfe", "cefaedfe", "cafebabe"].includes(magic)) return { kind: "macos-binary" };
  const [first = ""] = head.toString("utf8").split("\n");
  const [, program = "", argument = ""] = /^#!\s*(\S+)(?:\s+(?:-S\s+)?(\S+))?/.exec(first) ?? [];
  if (program === "") return { kind: "data" };
  const interpreter = basename(program) === "env" && argument !== "" ? argument : program;
  return { kind: "script", interpreter };
}

const HEAD_BYTES = 256;

function readHead(path: string): Buffer {
  const buffer = Buffer.alloc(HEAD_BYTES);
  try {
    const file = openSync(path, "r");
    try {
      return buffer.subarray(0, readSync(file, buffer));
    } finally {
      closeSync(file);
    }
  } catch {
    // A directory, or a file that may not be read: the collector has said so.
    return buffer.subarray(0, 0);
  }
}
