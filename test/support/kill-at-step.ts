/**
 * `node --import kill-at-step.ts PROGRAM` with KILL_AT_STEP=N: the process kills itself just before its N-th
 * change of the file system. With 0 it prints at its end how many there were.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const CHANGES = [
  "mkdirSync",
  "openSync",
  "writeSync",
  "writeFileSync",
  "renameSync",
  "unlinkSync",
  "rmdirSync",
  "rmSync",
] as const;

const killAt = Number(process.env["KILL_AT_STEP"]);
let steps = 0;

for (const name of CHANGES) {
  const change = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      steps += 1;
      if (steps === killAt) process.kill(process.pid, "SIGKILL");
      return change(...args);
    },
  });
}
syncBuiltinESMExports();

if (killAt === 0) process.on("exit", () => process.stderr.write(`${steps} steps\n`));
