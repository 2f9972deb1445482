// `npm test` begins with this: the build, and the machine's own set-up, as ./quickstart does it.
import { spawnSync } from "node:child_process";

try {
  const build = spawnSync("npm", ["run", "build"], { stdio: "inherit" });
  if (build.status !== 0) throw new Error("npm run build failed; its output is above");
  // Loaded only now: it uses the emulator's own way to find an engine, which has just been built.
  const { prepareEngine } = await import("./test-engine.ts");
  await prepareEngine();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
