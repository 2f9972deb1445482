import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseToml } from "../../config/toml-document.ts";
import { failure, ok } from "./check.ts";
import type { Check } from "./check.ts";

type Profiles = Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;

const MEND =
  "make a token on modal.com, then set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or run: modal token new";

/** Whether Modal's SDK will find credentials, looked up as it does. No value is ever shown. */
// eslint-disable-next-line @typescript-eslint/require-await -- waited for together with checks that take time
export async function checkModalCredentials(env: NodeJS.ProcessEnv): Promise<Check> {
  const path = env["MODAL_CONFIG_PATH"] || join(env["HOME"] || homedir(), ".modal.toml");
  const profiles = readProfiles(path);
  if (profiles instanceof Error) {
    return failure("modal credentials", `${path} cannot be read: ${profiles.message}`, MEND);
  }
  const name =
    env["MODAL_PROFILE"] ||
    Object.keys(profiles).find((candidate) => Boolean(profiles[candidate]?.["active"]));
  const profile = name === undefined ? undefined : profiles[name];
  const missing = ["token_id", "token_secret"].filter(
    (key) => !env[`MODAL_${key.toUpperCase()}`] && !profile?.[key],
  );
  if (missing.length === 0) {
    const fromEnvironment = env["MODAL_TOKEN_ID"] && env["MODAL_TOKEN_SECRET"];
    const place = fromEnvironment ? "environment variables" : `profile ${String(name)} in ${path}`;
    return ok("modal credentials", place);
  }
  const place =
    profile === undefined ? `no active profile in ${path}` : `profile ${String(name)} in ${path}`;
  const detail = `${place}: ${missing.join(" and ")} missing, also in the environment`;
  return failure("modal credentials", detail, MEND);
}

function readProfiles(path: string): Profiles | Error {
  try {
    return parseToml(readFileSync(path, "utf8")).values as Profiles;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    return error instanceof Error ? error : new Error(String(error));
  }
}
