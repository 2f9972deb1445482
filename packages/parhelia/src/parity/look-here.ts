import { spawn } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../container/protocol/find-program.ts";
import { SystemError, UserError } from "../errors.ts";
import { readView, type ClaudeView } from "./claude-view.ts";
import { ACCOUNT_VARIABLES, mcpTimeoutMs, probe } from "./probe.ts";
import { say, startScriptedMessagesApi } from "./scripted-messages-api.ts";

/** Where Claude Code's own installers put it, from the home directory, should PATH not have it. */
const USUAL_PLACES = [".local/bin/claude", ".claude/local/claude"];

/** After it was asked to end. */
const END_TIMEOUT_MS = 5_000;

/** After the end of the program, for what is still on its way. */
const PIPES_TIMEOUT_MS = 500;

/**
 * The user's own `claude`.
 * @throws UserError when there is none
 */
export function findClaude(env: NodeJS.ProcessEnv, cwd: string): string {
  const home = env["HOME"] || homedir();
  const places = ["claude", ...USUAL_PLACES.map((place) => join(home, place))];
  for (const place of places) {
    const found = findProgram(place, { path: env["PATH"], cwd });
    if (found !== undefined) return found;
  }
  throw new UserError("there is no claude on this machine to compare the sandbox's with", {
    hint: "npm install --global @anthropic-ai/claude-code, or put the directory of your claude on PATH",
  });
}

/** What the user's Claude Code is started in. */
export interface LookOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Aborting it ends Claude Code. */
  readonly signal: AbortSignal;
}

/**
 * Starts the user's Claude Code once, with their configuration.
 * @throws SystemError when it ends without a first event, or does not end
 */
export async function lookHere(claude: string, options: LookOptions): Promise<ClaudeView> {
  const api = await startScriptedMessagesApi({ turns: [say("Parity.")] });
  try {
    const { args, env, timeoutMs } = probe(api.url, mcpTimeoutMs(options.env));
    const own = Object.entries(options.env).filter(
      ([name]) => !(ACCOUNT_VARIABLES as readonly string[]).includes(name),
    );
    const ended = await runGroup([claude, ...args], {
      ...options,
      env: { ...Object.fromEntries(own), ...env },
      timeoutMs,
    });
    options.signal.throwIfAborted();
    const view = readView(ended.stdout, api.mainRequests[0]?.body);
    if (view !== undefined) return view;
    throw noView("this machine", claude, ended);
  } finally {
    await api.close();
  }
}

/** Claude Code ended, or was ended, before it showed what it has. */
export function noView(
  place: string,
  command: string,
  { stdout, stderr, status }: Ended,
): SystemError {
  const said = (stderr.trim() || stdout.trim()).split("\n").at(-1)?.slice(0, 500);
  return new SystemError(
    `claude on ${place} ended with ${status} before it showed what it has: ${said || "it says nothing"}`,
    { hint: `see whether this answers there: ${command} -p hello` },
  );
}

/** How a program ended, and what it printed. */
export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** In words. */
  readonly status: string;
}

/** Runs a program in a process group of its own, which ends as a whole: servers that it started, too. */
function runGroup(
  [program = "", ...args]: readonly string[],
  options: LookOptions & { readonly timeoutMs: number },
): Promise<Ended> {
  const { env, cwd, signal, timeoutMs } = options;
  const child = spawn(program, args, {
    env,
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => (output[name] += text));
  }
  const send = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // All of it has ended.
    }
  };
  const kill = () => send("SIGKILL");
  // Claude Code ends its MCP servers when it is asked to end, and not when it is killed.
  const end = () => send("SIGTERM");
  const timers = [setTimeout(end, timeoutMs), setTimeout(kill, timeoutMs + END_TIMEOUT_MS)];
  signal.addEventListener("abort", end);
  return new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, killedBy) => {
      kill();
      const status = killedBy ?? `status ${code ?? "unknown"}`;
      const ended = () => resolve({ ...output, status });
      child.once("close", ended);
      // A server that left the group holds the pipes open.
      setTimeout(ended, PIPES_TIMEOUT_MS).unref();
    });
  }).finally(() => {
    timers.forEach(clearTimeout);
    signal.removeEventListener("abort", end);
  });
}
