import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where Debian keeps what only root is meant to run; not on every user's PATH. */
const ADMIN_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

const OUTPUT_TAIL_LINES = 20;

/** A command ended with another status than 0; the message carries the end of what it printed. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** The program's path, looked for on the PATH and where administration programs are. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...ADMIN_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/**
 * The words before a command that needs root: none for root, `sudo -n` where it works without a
 * password; undefined where this user cannot become root without being asked for one.
 */
export function rootPrefix(): readonly string[] | undefined {
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  return sudo.status === 0 ? ["sudo", "-n"] : undefined;
}

/** Runs a command to its end without showing what it prints. @throws CommandError */
export async function runCommand(
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const collect = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const status = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  if (status === 0) return;
  throw new CommandError(
    `${command.join(" ")} ended with ${String(status)}; it printed last:\n${lastLines(output)}`,
  );
}

/** The end of a text, in whole lines, indented. */
export function lastLines(text: string): string {
  const lines = text.trimEnd().split("\n").slice(-OUTPUT_TAIL_LINES);
  return lines.map((line) => `  ${line}`).join("\n");
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
