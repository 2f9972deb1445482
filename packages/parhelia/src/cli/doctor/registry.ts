import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { defaultLock } from "../../config/default-lock.ts";
import { packageNames } from "../../config/lock.ts";
import { viewPackage } from "../../config/npm.ts";
import type { NpmOptions } from "../../config/npm.ts";
import { ParheliaError } from "../../errors.ts";
import { MINUTE_MS, SECOND_MS, formatDuration } from "../../units.ts";
import { failure, ok, warning } from "./check.ts";
import type { Check } from "./check.ts";

const DATE_TIMEOUT_MS = 5 * SECOND_MS;
/** Tokens of Modal and certificates tolerate no more. */
const LARGEST_SKEW_MS = MINUTE_MS;

/** Images are built from two npm packages: asks for one of them, as a build does. */
export async function checkNpmRegistry(npm: NpmOptions): Promise<Check> {
  const name = packageNames.claudeCode["linux-x64"];
  const { version } = defaultLock.claudeCode;
  try {
    await viewPackage(name, version, { ...npm, retries: 0 });
    return ok("npm registry", `has ${name}@${version}`);
  } catch (error) {
    if (!(error instanceof ParheliaError)) throw error;
    return failure("npm registry", error.message, error.hint);
  }
}

/** This machine's clock against the registry's, to the second. */
export async function checkClock(npm: NpmOptions): Promise<Check> {
  const startMs = Date.now();
  const theirMs = await askRegistryForTime(npm);
  if (theirMs === undefined) {
    return warning(
      "clock",
      `not compared: the npm registry did not say what time it is`,
      `compare it yourself: it is ${new Date().toISOString()} here`,
    );
  }
  const skewMs = Math.max(0, startMs - theirMs - SECOND_MS, theirMs - Date.now());
  if (skewMs <= LARGEST_SKEW_MS) return ok("clock", "agrees with the npm registry's");
  return failure(
    "clock",
    `${formatDuration(skewMs)} ${startMs > theirMs ? "ahead of" : "behind"} the npm registry's`,
    "set it, for example with: sudo timedatectl set-ntp true",
  );
}

/** The `Date` header; undefined when there is no answer, for example because only npm has a proxy. */
async function askRegistryForTime(npm: NpmOptions): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)("npm", ["config", "get", "registry"], {
      cwd: npm.cwd,
      env: npm.env,
    });
    const response = await fetch(stdout.trim(), {
      method: "HEAD",
      signal: AbortSignal.timeout(DATE_TIMEOUT_MS),
    });
    const timeMs = Date.parse(response.headers.get("date") ?? "");
    return Number.isNaN(timeMs) ? undefined : timeMs;
  } catch {
    return undefined;
  }
}
