import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";

const PING_TIMEOUT_MS = 2_000;

/** One place where a container engine may be found, and what was found there. */
export interface EngineCandidate {
  /** Where it was looked for, as a person writes it: `unix:///var/run/docker.sock`. */
  readonly address: string;
  /** What the place is: `DOCKER_HOST`, `docker socket`, … */
  readonly source: string;
  readonly reachable: boolean;
  /** Why it was passed over, or the engine's version. */
  readonly detail: string;
}

/** A container engine that answers. */
export interface Engine {
  readonly docker: Docker;
  readonly address: string;
  /** The engine's own version, `20.10.24`. */
  readonly version: string;
  /** API version, `1.41`. */
  readonly apiVersion: string;
}

/** No container engine answers. `candidates` says why each was passed over. */
export class NoEngineError extends Error {
  override readonly name = "NoEngineError";
  readonly candidates: readonly EngineCandidate[];

  constructor(candidates: readonly EngineCandidate[]) {
    const tried = candidates.map((c) => `${c.source} ${c.address}: ${c.detail}`).join("; ");
    super(`no container engine answers (${tried})`);
    this.candidates = candidates;
  }
}

/**
 * Finds a Docker-compatible engine: `DOCKER_HOST`, the docker socket, rootless docker's, podman's, in that
 * order.
 * @throws NoEngineError that says of each place why it was passed over
 */
export async function findEngine(env: NodeJS.ProcessEnv = process.env): Promise<Engine> {
  const passedOver: EngineCandidate[] = [];
  for (const place of places(env)) {
    const found = await probe(place);
    if ("docker" in found) return found;
    passedOver.push(found);
  }
  throw new NoEngineError(passedOver);
}

/** Looks in every place, also behind one that answers: for a person who asks what is there. */
export async function surveyEngines(
  env: NodeJS.ProcessEnv = process.env,
): Promise<EngineCandidate[]> {
  return Promise.all(
    places(env).map(async (place) => {
      const found = await probe(place);
      if (!("docker" in found)) return found;
      return { ...place, reachable: true, detail: `version ${found.version}` };
    }),
  );
}

interface Place {
  readonly source: string;
  readonly address: string;
}

function places(env: NodeJS.ProcessEnv): Place[] {
  const runtimeDirectory = env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`;
  const explicit = env["DOCKER_HOST"];
  return [
    ...(explicit ? [{ source: "DOCKER_HOST", address: explicit }] : []),
    { source: "docker socket", address: "unix:///var/run/docker.sock" },
    { source: "rootless docker", address: `unix://${join(runtimeDirectory, "docker.sock")}` },
    { source: "docker desktop", address: `unix://${join(homedir(), ".docker/run/docker.sock")}` },
    { source: "podman", address: `unix://${join(runtimeDirectory, "podman/podman.sock")}` },
    { source: "podman", address: "unix:///run/podman/podman.sock" },
  ];
}

async function probe(place: Place): Promise<Engine | EngineCandidate> {
  const passedOver = (detail: string): EngineCandidate => ({ ...place, reachable: false, detail });
  const docker = connect(place.address);
  if (typeof docker === "string") return passedOver(docker);
  const timeout = AbortSignal.timeout(PING_TIMEOUT_MS);
  try {
    const version = await Promise.race([docker.version(), rejectOn(timeout)]);
    const { Version, ApiVersion } = version;
    return { docker, address: place.address, version: Version, apiVersion: ApiVersion };
  } catch (error) {
    if (timeout.aborted) return passedOver(`no answer within ${PING_TIMEOUT_MS} ms`);
    return passedOver(describeConnectError(error));
  }
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => {
      reject(signal.reason as Error);
    });
  });
}

/** A client for the address, or why there can be none. */
function connect(address: string): Docker | string {
  if (address.startsWith("unix://")) {
    const socketPath = address.slice("unix://".length);
    return existsSync(socketPath) ? socketClient(socketPath) : "no such socket";
  }
  if (!/^(tcp|https?):\/\//.test(address)) return "only unix:// and tcp:// addresses are supported";
  const url = new URL(address.replace(/^tcp:/, "http:"));
  // Whether it speaks TLS, and with which certificates, the client reads from DOCKER_TLS_VERIFY and so on.
  return new Docker({ host: url.hostname, port: url.port || 2375 });
}

/** The client takes what it is not given from DOCKER_HOST, which is not what this socket is about. */
function socketClient(socketPath: string): Docker {
  const nothingElse = { host: undefined, port: undefined, ca: undefined, cert: undefined };
  return new Docker({ socketPath, protocol: "http", ...(nothingElse as object) });
}

function describeConnectError(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "EACCES") return "permission denied for this user";
  if (code === "ECONNREFUSED") return "nothing listens there";
  return error instanceof Error ? error.message : String(error);
}
