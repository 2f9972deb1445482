import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { homesIn, prepareHomes } from "./home-claims.ts";
import { ParheliaHome } from "./parhelia.ts";
import { endPreparedEngine, prepareEngine } from "./test-engine.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Folder of the homes that acceptance tests share, one for each file that runs at a time. */
    readonly sharedHomes: string;
  }
}

/**
 * Runs once before all tests, and what it returns once after them. `PARHELIA_TEST_HOME` names a folder
 * to use for the shared homes and to keep, with their images: for whoever runs the tests again and again.
 */
export default async function globalSetup(project: TestProject): Promise<() => Promise<void>> {
  await prepareEngine();
  const kept = process.env["PARHELIA_TEST_HOME"];
  const folder = kept ?? mkdtempSync(join(tmpdir(), "parhelia-homes-"));
  prepareHomes(folder);
  project.provide("sharedHomes", folder);
  return async () => {
    try {
      for (const directory of homesIn(folder)) {
        const home = new ParheliaHome(directory);
        if (kept === undefined) await home.cleanUp();
        else if (existsSync(home.stateDirectory)) await home.succeed(["local", "stop"]);
      }
      if (kept === undefined) rmSync(folder, { recursive: true });
      await endPreparedEngine();
    } catch (error) {
      // Vitest prints what its clean-up throws, and ends with 0 all the same.
      process.exitCode = 1;
      throw error;
    }
  };
}
