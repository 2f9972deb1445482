import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { Readable } from "node:stream";
import { getCACertificates } from "node:tls";
import type Docker from "dockerode";
import tar from "tar-stream";
import type { Store } from "../state/store.ts";
import type { Engine } from "./engine.ts";

/** The emulator's own folder in containers. */
export const EMULATOR_DIRECTORY = "/etc/modal-emulator";

/** Where containers find the certificates that this machine trusts. */
const CA_BUNDLE_PATH = `${EMULATOR_DIRECTORY}/ca-certificates.crt`;

/** The variables by which programs find a bundle: OpenSSL, curl, Python's requests and pip, Node and Bun, git. */
const CA_VARIABLES = [
  "SSL_CERT_FILE",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE",
  "PIP_CERT",
  "NODE_EXTRA_CA_CERTS",
  "GIT_SSL_CAINFO",
];

const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"];

/** What makes a container reach the network as this machine does. */
export interface CaTrust {
  /** Names the bundle to the usual programs, and passes this machine's proxies on. An image's own ENV wins. */
  readonly env: Readonly<Record<string, string>>;
  /** For `HostConfig.Binds`: the bundle, read-only. Empty where the engine cannot see this machine's files. */
  readonly binds: readonly string[];
}

/**
 * The certificates that this machine trusts (its store, `SSL_CERT_FILE`, `NODE_EXTRA_CA_CERTS`), for
 * containers to trust too: behind a company's proxy nothing can be downloaded without.
 * Where `binds` is empty, `putCaBundle` brings the bundle into a container that is not started yet.
 */
export function caTrust(store: Store, engine: Pick<Engine, "address">): CaTrust {
  const env = Object.fromEntries([
    ...CA_VARIABLES.map((name) => [name, CA_BUNDLE_PATH] as const),
    ...proxyEnvironment(process.env),
  ]);
  if (!engine.address.startsWith("unix://")) return { env, binds: [] };
  return { env, binds: [`${bundleFile(store)}:${CA_BUNDLE_PATH}:ro`] };
}

/** Writes the bundle into a created container, as a part of its file system. */
export async function putCaBundle(container: Docker.Container): Promise<void> {
  const pack = tar.pack();
  pack.entry({ name: CA_BUNDLE_PATH.slice(1), mode: 0o644 }, hostBundle());
  pack.finalize();
  await container.putArchive(Readable.from(pack), { path: "/" });
}

/** The variables that are set, in both spellings: curl reads only the lower-case `http_proxy`. */
function proxyEnvironment(env: NodeJS.ProcessEnv): (readonly [string, string])[] {
  return PROXY_VARIABLES.flatMap((name) => {
    const value = env[name] ?? env[name.toLowerCase()];
    return value ? [[name, value] as const, [name.toLowerCase(), value] as const] : [];
  });
}

/** The bundle as a file of the state directory, written anew when this machine's trust has changed. */
function bundleFile(store: Store): string {
  const file = store.path("ca-certificates.crt");
  if (writtenFiles.has(file)) return file;
  const bundle = hostBundle();
  if (!existsSync(file) || readFileSync(file, "utf8") !== bundle) {
    writeFileSync(`${file}.new`, bundle, { mode: 0o644 });
    renameSync(`${file}.new`, file);
  }
  writtenFiles.add(file);
  return file;
}

const writtenFiles = new Set<string>();

/** Each certificate once. Reading the store takes some 60 ms, hence once a process. */
function hostBundle(): string {
  memoizedBundle ??= [...new Set([...systemCertificates(), ...getCACertificates("extra")])]
    .map((certificate) => `${certificate.trim()}\n`)
    .join("");
  return memoizedBundle;
}

let memoizedBundle: string | undefined;

/** Mozilla's certificates, which come with Node, stand in on a machine that has none. */
function systemCertificates(): string[] {
  const system = getCACertificates("system");
  return system.length > 0 ? system : getCACertificates("bundled");
}
