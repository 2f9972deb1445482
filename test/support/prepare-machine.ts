// `npm test` begins with this: the build, and the machine's own set-up, as ./quickstart does it.
import { spawnSync } from "node:child_process";
import { prepareEngine } from "./test-engine.ts";

try {
  const build = spawnSync("npm", ["run", "build"], { stdio: "inherit" });
  if (build.status !== 0) throw new Error("npm run build failed; its output is above");
  await prepareEngine();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
