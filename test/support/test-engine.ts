import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { rootPrefix } from "../../scripts/machine/commands.ts";
import { stopDaemon } from "../../scripts/machine/docker-daemon.ts";
import { setUpMachine } from "../../scripts/set-up-machine.ts";

/** Carries the process id of an engine from the preparation to the end of the tests. */
const FILE = join(
  process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state"),
  "parhelia/engine/started-by-tests.json",
);

/** What single tests run on this machine itself; without, they are skipped, and say so. */
const PROGRAMS = ["curl", "git", "tmux"];

/** Sets this machine up, and writes down an engine that had to be started for it. */
export async function prepareEngine(): Promise<void> {
  const interactive = process.stdin.isTTY && process.stderr.isTTY;
  const log = (line: string): void => void process.stderr.write(`set-up: ${line}\n`);
  const { startedEngine } = await setUpMachine({ interactive, log, programs: PROGRAMS });
  if (startedEngine === undefined) return;
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, JSON.stringify({ pid: startedEngine.pid }));
}

/** Ends the engine that `prepareEngine` started, by its process id; any other is left alone. */
export async function endPreparedEngine(): Promise<void> {
  if (!existsSync(FILE)) return;
  const { pid } = JSON.parse(readFileSync(FILE, "utf8")) as { pid: number };
  await stopDaemon(pid, rootPrefix() ?? []);
  rmSync(FILE);
}
