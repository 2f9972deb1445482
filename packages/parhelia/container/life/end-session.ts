import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { MCP_LAUNCHER_BUNDLE, SESSION_OVER_FILE } from "../protocol/paths.ts";
import { END_ORDER, END_PATIENCE_MS } from "../protocol/end-session.ts";
import { readLine } from "../read-line.ts";
import { freezeSession } from "./freeze.ts";
import { takeCheckpoint } from "./take-checkpoint.ts";

/**
 * `parhelia-container end-session`, as root: what `parhelia stop` asks for before it ends the sandbox
 * (decision D9). Takes a checkpoint beside the session's work, stops that work, takes another one of what was
 * left, and prints it (`CheckpointResult`); status 1 when it failed. Then it waits for the order to end, on
 * which it ends the MCP servers. Where there is none, or no checkpoint, the session goes on as it was. One that not
 * all of its project has come to has nothing to be saved, and may end.
 */
export async function endSession(): Promise<void> {
  const first = await takeCheckpoint("shutdown", { background: false });
  if (!first.ok) {
    report(first);
    if (!first.isTooEarly) return;
    if (await isOrderedToEnd()) endMcpServers();
    process.exit();
  }
  const frozen = await freezeSession();
  const { windows } = frozen;
  const last = await takeCheckpoint("shutdown", { background: false, windows });
  const durationMs = first.durationMs + last.durationMs;
  report({ ...last, bytes: first.bytes + last.bytes, durationMs });
  if (last.ok && (await isOrderedToEnd())) {
    writeFileSync(SESSION_OVER_FILE, "");
    endMcpServers();
  } else frozen.thaw();
  process.exit();
}

function report(result: Awaited<ReturnType<typeof takeCheckpoint>>): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.ok ? 0 : 1;
}

async function isOrderedToEnd(): Promise<boolean> {
  return (await readLine(END_PATIENCE_MS)) === END_ORDER;
}

/** The launcher leads the process group of the servers that it started. */
function endMcpServers(): void {
  for (const name of readdirSync("/proc")) {
    try {
      if (!/^\d+$/.test(name)) continue;
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      if (words.includes(MCP_LAUNCHER_BUNDLE)) process.kill(-Number(name), "SIGTERM");
    } catch {
      // It has just ended, or leads no group.
    }
  }
}
