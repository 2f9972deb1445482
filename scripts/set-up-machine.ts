import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { findEngine, NoEngineError, type Engine } from "modal-emulator/admin";
import { CommandError, findProgram, rootPrefix } from "./machine/commands.ts";
import {
  BASE_IMAGE_PACKAGE,
  ENGINE_PACKAGES,
  hasDebianPackages,
  installPackages,
  systemName,
} from "./machine/debian-packages.ts";
import { startDocker, type StartedEngine } from "./machine/docker-daemon.ts";

/** The image that everything is built on; see layer 1 of the specification. */
const BASE_IMAGE = "debian:bookworm-slim";
const REGISTRY_TIMEOUT_MS = 10_000;

export interface SetUpOptions {
  /** Whether a person can be asked: standard input and error are a terminal. */
  readonly interactive: boolean;
  /** Gets one line for each thing that is done. */
  readonly log: (line: string) => void;
  /** Programs that are wanted besides, each in Debian's package of its name; without them it goes on. */
  readonly programs?: readonly string[];
}

/** A machine that can run sandboxes. */
export interface Machine {
  readonly engine: Engine;
  /** Set when no engine ran before, and this is not a service of the system. */
  readonly startedEngine: StartedEngine | undefined;
}

/** This machine cannot be set up without a person; the message says what to install or to change. */
export class SetUpError extends Error {
  override readonly name = "SetUpError";
}

/**
 * Makes sure that this machine has a container engine, and a way to a base image: finds what is there,
 * and installs and starts Debian's where there is none.
 *
 * @throws SetUpError where that takes a decision or a right that this program has not
 * @throws CommandError when apt or the engine fails
 */
export async function setUpMachine(options: SetUpOptions): Promise<Machine> {
  const found = await findEngineOrWhyNot();
  const required = await missingPackages(found);
  const wanted = hasDebianPackages() ? missingPrograms(options.programs ?? []) : [];
  if (required.length > 0) await install(required, wanted, reasonFor(found), options);
  else if (wanted.length > 0) await installWanted(wanted, options);
  if (!(found instanceof NoEngineError)) return { engine: found, startedEngine: undefined };
  const again = await findEngineOrWhyNot();
  if (!(again instanceof NoEngineError)) return { engine: again, startedEngine: undefined };
  return start(rootOrFail(again), options);
}

async function findEngineOrWhyNot(): Promise<Engine | NoEngineError> {
  try {
    return await findEngine();
  } catch (error) {
    if (error instanceof NoEngineError) return error;
    throw error;
  }
}

/** What has to be installed; nothing where this machine has no Debian packages. */
async function missingPackages(found: Engine | NoEngineError): Promise<string[]> {
  if (!hasDebianPackages()) {
    if (found instanceof NoEngineError && findProgram("dockerd") === undefined) throw cannot(found);
    return [];
  }
  const noEngine = found instanceof NoEngineError;
  if (noEngine && isForbidden(found)) throw forbidden(found);
  const packages = noEngine && findProgram("dockerd") === undefined ? [...ENGINE_PACKAGES] : [];
  const needsBaseImage =
    findProgram(BASE_IMAGE_PACKAGE) === undefined && (noEngine || !(await hasBaseImage(found)));
  return needsBaseImage ? [...packages, BASE_IMAGE_PACKAGE] : packages;
}

/** Whether the engine has the base image already, or a registry that it can pull it from. */
async function hasBaseImage(engine: Engine): Promise<boolean> {
  const image = engine.docker.getImage(BASE_IMAGE);
  const tooLate = sleep(REGISTRY_TIMEOUT_MS, false, { ref: false });
  const there = Promise.any([image.inspect(), image.distribution()]).then(
    () => true,
    () => false,
  );
  return Promise.race([there, tooLate]);
}

function missingPrograms(programs: readonly string[]): string[] {
  return programs.filter((program) => findProgram(program) === undefined);
}

function reasonFor(found: Engine | NoEngineError): string {
  return found instanceof NoEngineError
    ? "no container engine runs on this machine"
    : `no image registry answers, so that ${BASE_IMAGE} has to be made from Debian's packages`;
}

async function install(
  required: readonly string[],
  wanted: readonly string[],
  reason: string,
  { interactive, log }: SetUpOptions,
): Promise<void> {
  const packages = [...required, ...wanted];
  const asRoot = rootPrefix();
  if (asRoot === undefined) throw needsRoot(`apt-get install ${packages.join(" ")}`);
  log(`${reason}; Debian's own can be installed with apt-get: ${packages.join(" ")}`);
  if (interactive && !(await confirm("Install them now? [Y/n] "))) throw declined(required);
  const startedMs = Date.now();
  log(`installing ${packages.join(" ")}`);
  await installPackages(packages, asRoot);
  log(`installed in ${Math.round((Date.now() - startedMs) / 1000)} s`);
}

/** Installs what is no condition: a refusal, and a failure too, only mean to go on without. */
async function installWanted(wanted: readonly string[], options: SetUpOptions): Promise<void> {
  const programs = wanted.join(", ");
  try {
    await install([], wanted, `${programs}: not on this machine`, options);
  } catch (error) {
    if (!(error instanceof SetUpError || error instanceof CommandError)) throw error;
    options.log(`going on without ${programs}: ${error.message}`);
  }
}

async function start(asRoot: readonly string[], { log }: SetUpOptions): Promise<Machine> {
  log("starting the container engine (dockerd)");
  const { engine, started } = await startDocker(asRoot);
  log(`the container engine answers: version ${engine.version} on ${engine.address}`);
  return { engine, startedEngine: started };
}

function rootOrFail(found: NoEngineError): readonly string[] {
  const asRoot = rootPrefix();
  if (asRoot === undefined) throw needsRoot(`dockerd (${found.message})`);
  return asRoot;
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(question);
  terminal.close();
  return /^(y(es)?)?$/i.test(answer.trim());
}

function declined(required: readonly string[]): SetUpError {
  const hint =
    "Install and start a container engine (Docker or podman) yourself, then run this again.";
  return new SetUpError(`nothing was installed. ${required.length > 0 ? hint : ""}`.trimEnd());
}

function isForbidden(found: NoEngineError): boolean {
  return found.candidates.some(({ detail }) => detail.includes("permission denied"));
}

function forbidden(found: NoEngineError): SetUpError {
  return new SetUpError(
    `a container engine runs, but this user may not use it: ${found.message}.\n` +
      "Type `sudo usermod -aG docker $USER`, log in again, and run this again.",
  );
}

function cannot(found: NoEngineError): SetUpError {
  return new SetUpError(
    `${found.message}, and on ${systemName()} this program does not install one.\n` +
      "Install Docker (Docker Desktop on macOS and Windows) or podman with its socket, start it, and run this again.",
  );
}

function needsRoot(command: string): SetUpError {
  return new SetUpError(
    `${command} needs root, and \`sudo\` does not work here without a password.\n` +
      "Run `sudo -v` first, or have an administrator install and start docker.io, iptables and mmdebstrap; then run this again.",
  );
}
