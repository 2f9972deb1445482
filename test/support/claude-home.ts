import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  collectConfiguration,
  type CollectOptions,
} from "../../packages/parhelia/src/layers/layer4-runtime-config/collect-configuration.ts";
import type {
  CollectedConfiguration,
  SyncItem,
  SyncTree,
} from "../../packages/parhelia/src/layers/sync-tree.ts";

const NO_PACKAGES = { apt: [], pip: [] };

/** A made-up person's home with a Claude configuration, apart from the real one. */
export class ClaudeHome {
  /** Holds the home, and what lies outside of it. */
  readonly directory: string;
  readonly home: string;

  /** @param name of the home's folder: spaces and letters of all kinds are allowed in it */
  constructor(name = "jörg müller") {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), "parhelia-claude-")));
    this.home = join(this.directory, name);
    mkdirSync(join(this.home, ".claude"), { recursive: true });
  }

  get configDir(): string {
    return join(this.home, ".claude");
  }

  /** What a program of this person starts with. */
  get env(): NodeJS.ProcessEnv {
    return {
      PATH: process.env["PATH"],
      HOME: this.home,
      XDG_CACHE_HOME: join(this.directory, "cache"),
    };
  }

  /** @param path relative to the home, or absolute @param content text, or what JSON is made of */
  write(path: string, content: string | object, mode = 0o644): string {
    const file = join(path.startsWith("/") ? "/" : this.home, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content, null, 2), {
      mode,
    });
    return file;
  }

  /** A symbolic link at `path`, relative to the home, to `target`. */
  link(path: string, target: string): void {
    const file = join(this.home, path);
    mkdirSync(dirname(file), { recursive: true });
    symlinkSync(target, file);
  }

  /** Collects this configuration, working in a folder that is no project unless told otherwise. */
  collect(options: Partial<CollectOptions> = {}): CollectedConfiguration {
    const { env, directory: cwd } = this;
    return collectConfiguration({ env, cwd, allow: [], imagePackages: NO_PACKAGES, ...options });
  }

  cleanUp(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Writes a tree's files below a directory, as the volume would have them below its root. */
export function writeTree(tree: SyncTree, directory: string): void {
  for (const [path, file] of tree) {
    const target = join(directory, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, file.read(), { mode: file.mode });
  }
}

/** The paths in the configuration that a tree has, sorted. */
export function sentPaths({ tree }: CollectedConfiguration): string[] {
  return [...tree.keys()].map((path) => path.replace(/^config\/claude\//, "")).sort();
}

/** A file of the collected configuration, by its path in it. */
export function sentText({ tree }: CollectedConfiguration, path: string): string {
  return tree.get(`config/claude/${path}`)?.read().toString() ?? "(not sent)";
}

/** A JSON file of the collected configuration. */
export function sentJson(collected: CollectedConfiguration, path: string): unknown {
  return JSON.parse(sentText(collected, path));
}

/** The plan's item of this name. */
export function itemOf({ plan }: CollectedConfiguration, name: string): SyncItem | undefined {
  return plan.items.find((candidate) => candidate.name === name);
}

/** Everything that leaves the machine or is shown, as one text. */
export function everything({ tree, plan, pluginSources }: CollectedConfiguration): string {
  const contents = [...tree].map(([path, file]) => `${path}\n${file.read().toString()}`);
  return [JSON.stringify(plan), JSON.stringify(pluginSources), ...contents].join("\n");
}
