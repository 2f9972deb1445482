import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { findEngine } from "modal-emulator/admin";
import {
  runProgram,
  startProgram,
  type ProgramOptions,
  type ProgramResult,
  type RunningProgram,
} from "./run-program.ts";

const COMMAND_TIMEOUT_MS = 10 * 60_000;
const PROGRAM = resolve(import.meta.dirname, "../../packages/parhelia/bin/parhelia");

/** Asks for no Python packages: a package index may be out of reach. */
const CONFIGURATION = `[image]\npip = []\ngpu_pip = []\n`;

/** What of the user's own environment the command line needs to reach engine, registry and network. */
const INHERITED = [
  "PATH",
  "LANG",
  "DOCKER_HOST",
  "XDG_RUNTIME_DIR",
  "NODE_EXTRA_CA_CERTS",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];

export interface CommandOptions {
  /** Added to the home's own environment. */
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string | Uint8Array;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/**
 * A person's home, apart from the real one: the real command line runs in it as a process of its own,
 * with its own emulator, and all that it makes in the engine is removed again by `cleanUp`.
 */
export class ParheliaHome {
  /** The home folder. */
  readonly directory: string;
  /** Where commands run; has the `parhelia.toml` that they find. */
  readonly project: string;
  readonly env: NodeJS.ProcessEnv;

  /** @param directory an existing home to use again; a temporary one is made otherwise */
  constructor(directory = mkdtempSync(join(tmpdir(), "parhelia-home-"))) {
    this.directory = directory;
    this.project = join(directory, "project");
    mkdirSync(this.project, { recursive: true });
    const configuration = join(this.project, "parhelia.toml");
    if (!existsSync(configuration)) writeFileSync(configuration, CONFIGURATION);
    this.env = environment(directory);
  }

  /** The emulator's state directory. */
  get stateDirectory(): string {
    return join(this.directory, "state", "parhelia", "local");
  }

  /** Runs `parhelia` to its end, whatever its exit status. */
  run(args: readonly string[], options: CommandOptions = {}): Promise<ProgramResult> {
    return runProgram(PROGRAM, args, this.#options(options));
  }

  /** Starts `parhelia` without waiting for its end. */
  start(args: readonly string[], options: CommandOptions = {}): RunningProgram {
    return startProgram(PROGRAM, args, this.#options(options));
  }

  /** Runs a command that has to succeed. @returns its standard output @throws Error with its output */
  async succeed(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const { exitStatus, stdout, stderr } = await this.run(args, options);
    if (exitStatus === 0) return stdout;
    throw new Error(
      `parhelia ${args.join(" ")} ended with ${exitStatus}\n${stdout.slice(-2_000)}\n${stderr.slice(-4_000)}`,
    );
  }

  /** Runs a command that has to succeed, with `--json`. @returns the parsed result */
  async json(args: readonly string[], options: CommandOptions = {}): Promise<unknown> {
    return JSON.parse(await this.succeed([...args, "--json"], options));
  }

  /** What is in the engine for this home: containers, images' tags, and volumes, by name. */
  async leftInEngine(): Promise<string[]> {
    const instance = this.#instance();
    if (instance === undefined) return [];
    const { docker } = await findEngine();
    const filters = { label: [`modal-emulator.instance=${instance}`] };
    const [containers, volumes, images] = await Promise.all([
      docker.listContainers({ all: true, filters }),
      docker.listVolumes({ filters }),
      docker.listImages({ filters: { reference: [`modal-emulator-${instance}`] } }),
    ]);
    return [
      ...containers.map(({ Names, Id }) => `container ${Names[0] ?? Id}`),
      ...volumes.Volumes.map(({ Name }) => `volume ${Name}`),
      ...images.flatMap(({ RepoTags }) => (RepoTags ?? []).map((tag) => `image ${tag}`)),
    ];
  }

  /**
   * Ends and removes everything that was made in this home, and the home.
   * @throws Error that names what is left in the engine, or the command that failed
   */
  async cleanUp(): Promise<void> {
    if (existsSync(this.stateDirectory)) {
      await this.succeed(["local", "stop"]);
      await this.succeed(["local", "prune", "--volumes", "--secrets", "--yes"]);
      const left = await this.leftInEngine();
      if (left.length > 0) throw new Error(`left in the engine: ${left.join(", ")}`);
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Names this home's emulator on all that it makes in the engine; undefined before its first start. */
  #instance(): string | undefined {
    const file = join(this.stateDirectory, "credentials.json");
    if (!existsSync(file)) return undefined;
    return (JSON.parse(readFileSync(file, "utf8")) as { instance: string }).instance;
  }

  #options(options: CommandOptions): ProgramOptions {
    return {
      cwd: options.cwd ?? this.project,
      env: { ...this.env, ...options.env },
      timeoutMs: options.timeoutMs ?? COMMAND_TIMEOUT_MS,
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    };
  }
}

function environment(home: string): NodeJS.ProcessEnv {
  const real = process.env;
  return {
    ...Object.fromEntries(INHERITED.map((name) => [name, real[name]])),
    HOME: home,
    XDG_STATE_HOME: join(home, "state"),
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_CACHE_HOME: join(home, "cache"),
    // As on Modal: what one sandbox wrote, another one sees after a commit and a reload. Said in any case: an
    // emulator keeps what it was last told.
    PARHELIA_LOCAL_VOLUMES: real["PARHELIA_LOCAL_VOLUMES"] ?? "committed",
    // Tests run more sessions at once than a person should forget.
    PARHELIA_MAX_SANDBOXES: "100",
    // npm's settings and what it fetched before belong to the machine, not to the home.
    npm_config_userconfig: real["npm_config_userconfig"] ?? join(homedir(), ".npmrc"),
    npm_config_cache: real["npm_config_cache"] ?? join(homedir(), ".npm"),
  };
}
