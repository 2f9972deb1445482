import type Docker from "dockerode";
import type { BuildLog } from "./build-log.ts";
import { engineMessage } from "./engine-errors.ts";

/** No registry answers: its name is unknown, nothing listens, or its certificate is not trusted. */
export class RegistryUnreachableError extends Error {
  override readonly name = "RegistryUnreachableError";
}

/** The registry answers, and has no such image for this user. */
export class ImageRefusedError extends Error {
  override readonly name = "ImageRefusedError";
}

/** For how long a registry that did not answer is not asked again. */
const UNREACHABLE_FOR_MS = 5 * 60 * 1000;

/** What engines say when they never got an answer of the registry. */
const UNREACHABLE =
  /no such host|dial tcp|connection refused|connection reset|i\/o timeout|TLS handshake|x509|certificate|request canceled|deadline exceeded|network is unreachable|server misbehaving|proxyconnect|\bEOF\b|Service Unavailable|Bad Gateway/i;

const unreachable = new Map<string, { readonly untilMs: number; readonly reason: string }>();

/**
 * Pulls an image into the engine, with its progress in the log. A registry that did not answer is not
 * asked again for five minutes.
 * @throws RegistryUnreachableError, ImageRefusedError
 */
export async function pullImage(
  docker: Docker,
  reference: string,
  options: { readonly platform?: string | undefined; readonly log: BuildLog },
): Promise<void> {
  const registry = registryOf(reference);
  const known = unreachable.get(registry);
  if (known !== undefined && known.untilMs > Date.now()) {
    throw new RegistryUnreachableError(known.reason);
  }
  options.log.write(`   pulling ${reference}`);
  try {
    const platform = options.platform === undefined ? {} : { platform: options.platform };
    const progress = await docker.pull(reference, platform);
    await followProgress(docker, progress, (line) => options.log.write(`   ${line}`));
    unreachable.delete(registry);
  } catch (error) {
    const reason = engineMessage(error).replace(/^\(HTTP code \d+\) [^-]*- /, "");
    if (!UNREACHABLE.test(reason)) throw new ImageRefusedError(reason, { cause: error });
    unreachable.set(registry, { untilMs: Date.now() + UNREACHABLE_FOR_MS, reason });
    throw new RegistryUnreachableError(reason, { cause: error });
  }
}

interface ProgressEvent {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number };
}

/** Reads the engine's answer to its end; counts of bytes are too many for a log. */
export function followProgress(
  docker: Docker,
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void = () => undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error: Error | null) => {
        if (error === null) resolve();
        else reject(error);
      },
      ({ id, status, progressDetail }: ProgressEvent) => {
        if (status === undefined || progressDetail?.current !== undefined) return;
        onLine(id === undefined ? status : `${id}: ${status}`);
      },
    );
  });
}

/** The registry in a reference: the part before the first slash, where that looks like a host. */
function registryOf(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  return rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : "";
}
