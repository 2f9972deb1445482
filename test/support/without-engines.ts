import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import type { ParheliaHome } from "./parhelia.ts";
import {
  runProgram,
  startProgram,
  type ProgramResult,
  type RunningProgram,
} from "./run-program.ts";

const PARHELIA = resolve(import.meta.dirname, "../../packages/parhelia/bin/parhelia");
const TIMEOUT_MS = 120_000;

/** A mount namespace of its own, for which root, or the right to map oneself to it, is needed. */
const NAMESPACE = ["--mount", ...(process.getuid?.() === 0 ? [] : ["--map-root-user"])];

/** Covers the places of the engines' sockets with nothing, and becomes the command that follows. */
const COVER = 'for d in /run /var/run; do mount -t tmpfs none "$d" || exit 99; done; exec "$@"';

/** Why this machine cannot hide its engines from one command; undefined where it can. */
export function cannotHideEngines(): string | undefined {
  const { status, stderr, error } = spawnSync("unshare", [
    ...NAMESPACE,
    "sh",
    "-c",
    COVER,
    "sh",
    "true",
  ]);
  if (status === 0) return undefined;
  return `unshare: ${error?.message ?? stderr.toString().trim()}`;
}

/** The command line on a machine whose engines are hidden: only `dockerHost` leads to one. */
export class MachineWithoutEngines {
  readonly #home: ParheliaHome;
  readonly #dockerHost: string;

  constructor(home: ParheliaHome, dockerHost = "") {
    this.#home = home;
    this.#dockerHost = dockerHost;
  }

  run(args: readonly string[]): Promise<ProgramResult> {
    return runProgram("unshare", this.#arguments(args), this.#options);
  }

  /** The process is `parhelia` itself: what goes before it replaces itself by it. */
  start(args: readonly string[]): RunningProgram {
    return startProgram("unshare", this.#arguments(args), this.#options);
  }

  #arguments(args: readonly string[]): string[] {
    return [...NAMESPACE, "sh", "-c", COVER, "sh", PARHELIA, ...args];
  }

  get #options() {
    return {
      cwd: this.#home.project,
      env: { ...this.#home.env, DOCKER_HOST: this.#dockerHost, XDG_RUNTIME_DIR: "/run/user/0" },
      timeoutMs: TIMEOUT_MS,
    };
  }
}
