import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SystemError } from "../errors.ts";
import { packageRoot } from "./package-root.ts";

/** The files of the sandbox's own program, as bytes: what `programLayer` writes into the image. */
export interface ContainerProgram {
  readonly bundle: Uint8Array;
  /** What of the program writes and restores checkpoints. */
  readonly checkpointBundle: Uint8Array;
  /** What of the program takes and gives working trees. */
  readonly workspaceBundle: Uint8Array;
  /** The batch tasks', apart from the program, since no session waits for them. */
  readonly batchBundle: Uint8Array;
  /** The MCP launcher's, which is many times larger. */
  readonly mcpLauncherBundle: Uint8Array;
  readonly metricsBundle: Uint8Array;
  /** `parhelia-container`: starts the bundle under Bun. */
  readonly container: Uint8Array;
  /** `parhelia-mcp-launcher`: starts its bundle under Bun. */
  readonly mcpLauncher: Uint8Array;
  /** `parhelia-metrics`: starts its bundle under Bun. */
  readonly metrics: Uint8Array;
  /** `parhelia-exec`: starts a command in the session's environment. */
  readonly exec: Uint8Array;
  /** `parhelia-terminal`: gives a command's terminal its size. */
  readonly terminal: Uint8Array;
  /** `parhelia-attach`: shows the tmux session. */
  readonly attach: Uint8Array;
  readonly entrypoint: Uint8Array;
  /** `git-credential-parhelia`: answers Git with the token of the environment. */
  readonly gitCredential: Uint8Array;
  readonly gitConfig: Uint8Array;
  readonly tmuxConf: Uint8Array;
}

/** Where `npm run build` puts each file, below the package's dist/container. */
const FILES: Record<keyof ContainerProgram, string> = {
  bundle: "parhelia-container.js",
  checkpointBundle: "parhelia-checkpoint.js",
  workspaceBundle: "parhelia-workspace.js",
  batchBundle: "parhelia-batch.js",
  mcpLauncherBundle: "parhelia-mcp-launcher.js",
  metricsBundle: "parhelia-metrics.js",
  container: "parhelia-container",
  mcpLauncher: "parhelia-mcp-launcher",
  metrics: "parhelia-metrics",
  exec: "parhelia-exec",
  terminal: "parhelia-terminal",
  attach: "parhelia-attach",
  entrypoint: "entrypoint.sh",
  gitCredential: "git-credential-parhelia",
  gitConfig: "gitconfig",
  tmuxConf: "tmux.conf",
};

/**
 * Reads the built program of this package.
 * @throws SystemError when it has not been built.
 */
export function readContainerProgram(): ContainerProgram {
  const directory = join(packageRoot(), "dist", "container");
  const read = (name: keyof ContainerProgram) => {
    const path = join(directory, FILES[name]);
    if (!existsSync(path)) {
      throw new SystemError(`the sandbox's own program is not built: ${path} is missing`, {
        hint: "npm run build",
      });
    }
    return readFileSync(path);
  };
  return {
    bundle: read("bundle"),
    checkpointBundle: read("checkpointBundle"),
    workspaceBundle: read("workspaceBundle"),
    batchBundle: read("batchBundle"),
    mcpLauncherBundle: read("mcpLauncherBundle"),
    metricsBundle: read("metricsBundle"),
    container: read("container"),
    mcpLauncher: read("mcpLauncher"),
    metrics: read("metrics"),
    exec: read("exec"),
    terminal: read("terminal"),
    attach: read("attach"),
    entrypoint: read("entrypoint"),
    gitCredential: read("gitCredential"),
    gitConfig: read("gitConfig"),
    tmuxConf: read("tmuxConf"),
  };
}
