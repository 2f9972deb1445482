import { chmodSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { runProgram } from "./run-program.ts";

/** The version whose wire behaviour the scripted Messages API was written for. */
const VERSION = "2.1.330";
const FETCH_TIMEOUT_MS = 240_000;

/**
 * The real Claude Code of this machine's architecture, from the user's npm registry, kept in the
 * user's cache folder; or why there is none.
 */
export async function fetchClaudeCode(): Promise<{ path: string } | { unavailable: string }> {
  const name = `claude-code-linux-${process.arch}`;
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = join(cache, "parhelia", "tests", `${name}-${VERSION}`);
  const path = join(folder, "package", "claude");
  if (existsSync(path)) return { path };
  mkdirSync(folder, { recursive: true });
  const options = { cwd: folder, env: process.env, timeoutMs: FETCH_TIMEOUT_MS };
  const packed = await runProgram(
    "npm",
    ["pack", "--silent", `@anthropic-ai/${name}@${VERSION}`],
    options,
  );
  if (packed.exitStatus !== 0) {
    return { unavailable: `npm pack ended with ${packed.exitStatus}: ${packed.stderr.trim()}` };
  }
  const archive = packed.stdout.trim();
  // Unpacked beside and renamed: an interrupted run leaves no half of a program behind.
  mkdirSync(join(folder, "new"), { recursive: true });
  const unpacked = await runProgram(
    "tar",
    ["-xzf", archive, "-C", "new", "package/claude"],
    options,
  );
  if (unpacked.exitStatus !== 0) return { unavailable: unpacked.stderr.trim() };
  chmodSync(join(folder, "new", "package", "claude"), 0o755);
  renameSync(join(folder, "new", "package"), join(folder, "package"));
  await runProgram("rm", ["-rf", archive, "new"], options);
  return { path };
}
