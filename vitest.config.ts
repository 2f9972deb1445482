import { defineConfig } from "vitest/config";

const MINUTE_MS = 60_000;

/**
 * Acceptance tests that hold a duration against a narrow limit: nothing else runs meanwhile. As they come
 * first, the image is built in them, and whatever runs side by side finds its layers built.
 */
const ALONE = ["quickstart", "ac5-cold-start", "mcp"].map(
  (name) => `test/acceptance/${name}.test.ts`,
);

const ACCEPTANCE = { testTimeout: 5 * MINUTE_MS, hookTimeout: 10 * MINUTE_MS };

export default defineConfig({
  test: {
    globalSetup: ["test/support/global-setup.ts"],
    // The end removes what the tests made in the engine.
    teardownTimeout: 3 * MINUTE_MS,
    reporters: process.stdout.isTTY ? ["default"] : ["verbose"],
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "packages/**/*.test.ts",
            "test/repository/**/*.test.ts",
            "test/support/**/*.test.ts",
          ],
          // Most of them wait for the engine or a program: two at a time also where there are two cores.
          maxWorkers: 2,
          testTimeout: MINUTE_MS,
          hookTimeout: 2 * MINUTE_MS,
        },
      },
      {
        test: {
          ...ACCEPTANCE,
          name: "alone",
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...ACCEPTANCE,
          name: "acceptance",
          include: ["test/acceptance/**/*.test.ts"],
          exclude: ALONE,
          // They wait as long as they compute; each has a home of its own (`test/support/home-claims.ts`).
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
