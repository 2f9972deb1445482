import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { processStart } from "../process-start.ts";
import { errorCode } from "./scan.ts";

const POLL_MS = 20;

/** A checkpoint of a large tree takes its time; whoever waits longer is told. */
const TIMEOUT_MS = 10 * 60_000;

/**
 * Does something while no other process of this sandbox does it. What a process that is gone left locked
 * counts as free.
 * @throws Error that names the process after ten minutes of waiting
 */
export async function withLock<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const own = `${process.pid} ${processStart(String(process.pid)) ?? ""}`;
  await take(file, own);
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

async function take(file: string, own: string): Promise<void> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  // Made whole before it has its name: nobody sees it empty.
  const made = `${file}.${process.pid}`;
  writeFileSync(made, own);
  try {
    while (!tryTake(made, file)) {
      const holder = read(file);
      if (holder !== null && !isAlive(holder)) takeAway(file, holder);
      else if (performance.now() > deadlineMs) {
        throw new Error(`another checkpoint (process ${holder ?? "unknown"}) does not end`);
      } else await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    rmSync(made, { force: true });
  }
}

function tryTake(made: string, file: string): boolean {
  try {
    linkSync(made, file);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Two may do this at once: the second may get hold of the lock that the first has just taken, and gives it back. */
function takeAway(file: string, holder: string): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    if (read(aside) !== holder) tryTake(aside, file);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function read(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

function isAlive(holder: string): boolean {
  const [pid = "", start = ""] = holder.split(" ");
  return processStart(pid) === start;
}
