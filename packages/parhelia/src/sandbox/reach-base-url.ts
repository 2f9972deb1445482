import { UserError } from "../errors.ts";
import type { Sandbox } from "../modal/sandboxes.ts";
import { forwardCommand, openForward } from "./forward.ts";

/** Where Claude Code sends its requests; on loopback it is this machine's, not the sandbox's. */
const BASE_URL = "ANTHROPIC_BASE_URL";

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** An environment whose base URL a program in the sandbox reaches, until it is closed. */
export interface ReachableEnvironment {
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * Forwards a port of the sandbox to ANTHROPIC_BASE_URL where that is on this machine.
 * @throws UserError when it is no URL
 */
export async function reachBaseUrl(
  sandbox: Sandbox,
  env: Readonly<Record<string, string>>,
): Promise<ReachableEnvironment> {
  const baseUrl = env[BASE_URL];
  if (baseUrl === undefined) return { env, close: () => Promise.resolve() };
  const url = parseUrl(baseUrl);
  if (!LOOPBACK.test(url.hostname)) return { env, close: () => Promise.resolve() };

  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  const side = await sandbox.exec(forwardCommand(), { mode: "binary" });
  const forward = openForward({
    stdin: side.stdin,
    stdout: side.stdout,
    targetHost: url.hostname.replace(/^\[|\]$/g, ""),
    targetPort: port,
  });
  url.port = String(await forward.ready);
  return {
    env: { ...env, [BASE_URL]: url.href.replace(/\/$/, "") },
    close: () => forward.close(),
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null) return url;
  throw new UserError(`${BASE_URL} is no URL: ${text}`, {
    hint: `set it to something like http://127.0.0.1:8080`,
  });
}
