import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as z from "zod";
import { SystemError, UserError } from "../errors.ts";
import { SECOND_MS } from "../units.ts";

/** What the user's registry says of one exact version of a package. */
export interface PublishedPackage {
  /** SHA-512 of the tarball in SRI form: `sha512-BASE64`. */
  readonly integrity: string;
  readonly tarballUrl: string;
}

export interface NpmOptions {
  /** npm reads its configuration from here upwards, as for any project. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** How often npm tries again when the registry does not answer. Default 1. */
  readonly retries?: number;
  readonly signal?: AbortSignal | undefined;
}

const TIMEOUT_MS = 60 * SECOND_MS;

const publishedSchema = z.object({
  dist: z.object({
    integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/),
    tarball: z.url(),
  }),
});

const versionSchema = z.object({ version: z.string().min(1) });

const failureSchema = z.object({ error: z.object({ code: z.string(), summary: z.string() }) });

/**
 * Asks the user's own npm, with its registry, proxy and certificates, for `name@version`.
 *
 * @throws UserError when there is no such version, SystemError when npm or its registry fails.
 */
export async function viewPackage(
  name: string,
  version: string,
  options: NpmOptions,
): Promise<PublishedPackage> {
  const spec = `${name}@${version}`;
  const answer = await askNpm(spec, options);
  const failure = failureSchema.safeParse(answer);
  if (failure.success) throw explain(spec, failure.data.error);
  const published = publishedSchema.safeParse(answer);
  if (published.success) {
    const { integrity, tarball } = published.data.dist;
    return { integrity, tarballUrl: tarball };
  }
  if (answer === undefined) throw noSuchVersion(spec);
  throw new SystemError(`your npm registry gives no SHA-512 integrity or no address for ${spec}`, {
    hint: `look at it yourself: npm view ${spec} dist`,
    cause: published.error,
  });
}

/**
 * The version that the user's registry has as `latest`.
 *
 * @throws UserError when there is no such package, SystemError when npm or its registry fails.
 */
export async function newestVersion(name: string, options: NpmOptions): Promise<string> {
  const spec = `${name}@latest`;
  const answer = await askNpm(spec, options);
  const failure = failureSchema.safeParse(answer);
  if (failure.success) throw explain(spec, failure.data.error);
  const newest = versionSchema.safeParse(answer);
  if (!newest.success) throw noSuchVersion(spec);
  return newest.data.version;
}

/** npm's answer, an error included; undefined when it printed nothing, which some versions do. */
async function askNpm(spec: string, options: NpmOptions): Promise<unknown> {
  const args = ["view", spec, "dist", "version", "--json"];
  args.push(`--fetch-retries=${options.retries ?? 1}`, "--fetch-retry-mintimeout=1000");
  const output = await promisify(execFile)("npm", args, {
    cwd: options.cwd,
    env: options.env,
    signal: options.signal,
    timeout: TIMEOUT_MS,
  }).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    const { stdout, code, killed } = error as { stdout?: string; code?: unknown; killed?: boolean };
    if (code === "ENOENT") {
      throw new SystemError("there is no npm on your PATH, and Parhelia asks it for packages", {
        hint: "install Node.js together with npm",
        cause: error,
      });
    }
    if (killed === true) {
      throw new SystemError(`npm had no answer for ${spec} within ${TIMEOUT_MS / SECOND_MS} s`, {
        hint: `see what it waits for: npm view ${spec} --loglevel http`,
        cause: error,
      });
    }
    return { stdout: stdout ?? "" };
  });
  const text = output.stdout.trim();
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SystemError(`npm's answer for ${spec} is not JSON: ${text.slice(0, 200)}`, {
      hint: `see what it prints: npm view ${spec} --json`,
      cause: error,
    });
  }
}

function explain(spec: string, failure: { code: string; summary: string }): Error {
  if (failure.code === "E404" || failure.code === "ETARGET") return noSuchVersion(spec);
  return new SystemError(`your npm registry cannot be asked for ${spec}: ${failure.summary}`, {
    hint: `mend npm's registry, proxy or certificate settings until this works: npm view ${spec} (${failure.code})`,
  });
}

function noSuchVersion(spec: string): UserError {
  const name = spec.slice(0, spec.lastIndexOf("@"));
  return new UserError(`your npm registry has no ${spec}`, {
    hint: `choose one that it has: npm view ${name} versions`,
  });
}
