import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, isAbsolute, join, relative, resolve } from "node:path";
import { UserError } from "../../errors.ts";

/** Where a person's Claude configuration lies on this machine. All paths are absolute. */
export interface UserConfiguration {
  readonly home: string;
  /** `CLAUDE_CONFIG_DIR`, or `~/.claude`. */
  readonly configDir: string;
  /** What Claude Code keeps besides: `.claude.json`, of which only MCP servers are read. */
  readonly claudeJson: string;
  /** Registries, marketplaces and plugins: `CLAUDE_CODE_PLUGIN_CACHE_DIR`, or `plugins` in `configDir`. */
  readonly pluginsDir: string;
}

/**
 * The configuration that Claude Code itself would use with these environment variables.
 *
 * @throws UserError when there is none: an empty one would take everything off the volume.
 */
export function findUserConfiguration(env: NodeJS.ProcessEnv): UserConfiguration {
  const home = resolve(env["HOME"] || homedir());
  const own = env["CLAUDE_CONFIG_DIR"] || undefined;
  const configDir = resolve(own ?? join(home, ".claude"));
  const claudeJson = join(own === undefined ? home : configDir, ".claude.json");
  if (!existsSync(configDir) && !existsSync(claudeJson)) {
    throw new UserError(
      `there is no Claude configuration: neither ${configDir} nor ${claudeJson}`,
      {
        hint:
          own === undefined
            ? "start claude once, or set CLAUDE_CONFIG_DIR to where your configuration is"
            : "correct CLAUDE_CONFIG_DIR, or unset it to use ~/.claude",
      },
    );
  }
  const pluginsDir = resolve(env["CLAUDE_CODE_PLUGIN_CACHE_DIR"] || join(configDir, "plugins"));
  return { home, configDir, claudeJson, pluginsDir };
}

/** Whether `path` is `directory` or in it; both absolute and normalized. */
export function isWithin(path: string, directory: string): boolean {
  const rest = relative(directory, path);
  return rest === "" || (!isAbsolute(rest) && rest !== ".." && !rest.startsWith("../"));
}

/** The path without symbolic links; as it is where it does not exist. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * A path as the plan names it, and as `[sync] allow` may name it: relative to the configuration
 * directory, else from `~`, else absolute.
 */
export function displayPath(path: string, user: UserConfiguration): string {
  if (path !== user.configDir && isWithin(path, user.configDir)) {
    return relative(user.configDir, path);
  }
  if (path !== user.home && isWithin(path, user.home)) return `~/${relative(user.home, path)}`;
  return path;
}

/** Directories of credentials in the home directory: nothing brings files from them. */
const CREDENTIAL_DIRECTORIES = [".ssh", ".aws", ".gnupg", ".kube", ".docker", ".azure"];

/**
 * Whether a real path is of conversations or credentials, or of the whole home or configuration
 * directory: nothing that a link, a command or a registry should bring.
 */
export function isPrivate(real: string, user: UserConfiguration): boolean {
  const home = realPath(user.home);
  const configDir = realPath(user.configDir);
  if (isWithin(home, real) || isWithin(configDir, real)) return true;
  if (real === realPath(user.claudeJson) || basename(real) === ".credentials.json") return true;
  const places = [
    ...CREDENTIAL_DIRECTORIES.map((name) => join(home, name)),
    join(configDir, "projects"),
  ];
  return places.some((place) => isWithin(real, place));
}
