import type { TestProject } from "vitest/node";
import { ParheliaHome } from "./parhelia.ts";
import { endPreparedEngine, prepareEngine } from "./test-engine.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Folder of the home that the acceptance tests share, so that the image is built once. */
    readonly sharedHome: string;
  }
}

/**
 * Runs once before all tests, and what it returns once after them. `PARHELIA_TEST_HOME` names a folder
 * to use as the shared home and to keep, with its images: for whoever runs the tests again and again.
 */
export default async function globalSetup(project: TestProject): Promise<() => Promise<void>> {
  await prepareEngine();
  const kept = process.env["PARHELIA_TEST_HOME"];
  const home = new ParheliaHome(kept);
  project.provide("sharedHome", home.directory);
  return async () => {
    try {
      if (kept === undefined) await home.cleanUp();
      else await home.succeed(["local", "stop"]);
      await endPreparedEngine();
    } catch (error) {
      // Vitest prints what its clean-up throws, and ends with 0 all the same.
      process.exitCode = 1;
      throw error;
    }
  };
}
