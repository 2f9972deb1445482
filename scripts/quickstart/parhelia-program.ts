import { spawn } from "node:child_process";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

/** The command line, as a user calls it. */
export const PARHELIA = resolve(ROOT, "packages/parhelia/bin/parhelia");

/** A command failed; the message carries what was run and what it printed. */
export class StepError extends Error {
  override readonly name = "StepError";
}

export interface CallOptions {
  /** Which of the two configurations; default: the one without a secret. */
  readonly config?: "parhelia.toml" | "parhelia-with-secret.toml";
  /** Written to standard input: the only way for a secret's value. */
  readonly stdin?: string;
  /** Whether a person sees its standard error as it comes: for what takes long. */
  readonly live?: boolean;
}

export interface CallResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `parhelia` on this machine, whatever target is configured. @throws StepError */
export async function parhelia(
  args: readonly string[],
  options: CallOptions = {},
): Promise<CallResult> {
  const config = resolve(import.meta.dirname, options.config ?? "parhelia.toml");
  const all = ["--target", "local", "--config", config, ...args];
  const stderrMode = options.live === true ? "inherit" : "pipe";
  const child = spawn(PARHELIA, all, { cwd: ROOT, stdio: ["pipe", "pipe", stderrMode] });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => void (stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => void (stderr += chunk.toString()));
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.stdin ?? "");
  const status = await new Promise<number | NodeJS.Signals | null>((settle, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => settle(code ?? signal));
  });
  if (status === 0) return { stdout, stderr };
  throw new StepError(`${typed(args)} ended with ${String(status)}\n${stdout}${stderr}`.trimEnd());
}

/** A command as a person types it. */
export function typed(args: readonly string[]): string {
  const words = args.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`));
  return ["parhelia", ...words].join(" ");
}
